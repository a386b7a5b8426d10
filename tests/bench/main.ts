import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { routes } from '@studio/client';
import { registerOwner } from '../harness/account.ts';
import { repositoryDir, waitFor } from '../harness/process.ts';
import { openBareEngine } from './bare-engine.ts';
import { measureClaims } from './claim.bench.ts';
import type { BenchContext } from './context.ts';
import { measurePlatformTax } from './platform-tax.ts';
import { renderReport, type Section } from './report.ts';
import { measureSharing } from './sharing.ts';
import { measureSoak } from './soak.ts';
import { measureStartTimes } from './start-times.ts';
import { measureStepTime } from './step-time.ts';
import { measureSubmitLatency } from './submit-latency.ts';
import { measureWholeRuns } from './whole-run.ts';

/** `npm run bench`: prints the figures; `-- --write` also writes docs/benchmarks.md; `-- --only NAME` runs one. */

const benches: Readonly<Record<string, (context: BenchContext) => Promise<Section>>> = {
  tax: measurePlatformTax,
  submit: measureSubmitLatency,
  claim: () => measureClaims(requireEnv('STUDIO_TEST_DATABASE_URL')),
  step: measureStepTime,
  whole: measureWholeRuns,
  sharing: measureSharing,
  soak: measureSoak,
  start: measureStartTimes,
};

const requireEnv = (name: string): string => {
  const value = process.env[name];
  if (value) return value;
  throw new Error(`${name} is not set; run the benchmarks with \`npm run bench\`.`);
};

const describeEngine = async (): Promise<string> => {
  const bare = openBareEngine('tuned');
  const { plan } = await bare.draw({ side: 64, steps: 1, seed: 1 });
  bare.close();
  return plan;
};

const main = async (args: readonly string[]): Promise<void> => {
  const only = args.includes('--only') ? args[args.indexOf('--only') + 1] : undefined;
  const url = requireEnv('STUDIO_BENCH_URL');
  const account = await registerOwner(url);
  await waitFor('the engine', 120_000, async () =>
    (await account.client.call(routes.getGenerateOptions)).isEngineConnected ? true : null,
  );
  const context: BenchContext = { url, databaseUrl: requireEnv('STUDIO_BENCH_DATABASE_URL'), account };
  const sections: Section[] = [];
  for (const [name, measure] of Object.entries(benches)) {
    if (only === undefined || only === name) sections.push(await measure(context));
  }
  const day = new Date().toISOString().slice(0, 10);
  const report = renderReport(sections, { engine: await describeEngine(), day });
  process.stdout.write(`\n${report}\n`);
  if (args.includes('--write')) writeFileSync(join(repositoryDir, 'docs/benchmarks.md'), report);
};

await main(process.argv.slice(2));
