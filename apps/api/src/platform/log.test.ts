import { expect, test } from 'vitest';
import { createLog } from './log.ts';

test('secrets and prompts never reach the log, however deep they sit', () => {
  const lines: string[] = [];
  const log = createLog('info', { write: (line) => lines.push(line) });
  log.info({
    password: 'p1',
    prompt: 'p2',
    req: { headers: { authorization: 'p3', cookie: 'p4', 'set-cookie': 'p5' } },
  });
  log.info({ job: { params: { prompt: 'p6', negativePrompt: 'p7' } }, session: { accessToken: 'p8' } }, 'said');
  const text = lines.join('');
  expect(text).toContain('said');
  expect(text).not.toMatch(/p[1-8]/);
});
