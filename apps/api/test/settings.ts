import { type Config, parseConfig } from '../src/config.ts';

export const engineToken = 'test-engine-token-0123456789abcdef';

interface Place {
  readonly databaseUrl: string;
  readonly dataDir: string;
}

/** The configuration of a studio under test. `env`: settings that differ from the defaults. */
export const testConfig = ({ databaseUrl, dataDir }: Place, env: Record<string, string> = {}): Config =>
  parseConfig({
    STUDIO_DATABASE_URL: databaseUrl,
    STUDIO_DATA_DIR: dataDir,
    STUDIO_SECRET: '0123456789abcdef'.repeat(4),
    STUDIO_ENGINE_TOKEN: engineToken,
    STUDIO_LOG_LEVEL: 'silent',
    STUDIO_DATABASE_POOL: '5',
    ...env,
  });
