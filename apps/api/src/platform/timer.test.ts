import { pino } from 'pino';
import { expect, test } from 'vitest';
import { startTimer } from './timer.ts';

const log = pino({ level: 'silent' });

test('turns come one after another, also after a failed one, and stop waits for the turn that runs', async () => {
  const events: string[] = [];
  const third = Promise.withResolvers<void>();
  let turns = 0;
  const timer = startTimer(log, {
    name: 'test',
    everyMs: 1,
    run: async () => {
      turns += 1;
      events.push(`start ${turns}`);
      await new Promise(setImmediate);
      if (turns === 1) throw new Error('first turn fails');
      if (turns === 3) third.resolve();
      await new Promise(setImmediate);
      events.push(`end ${turns}`);
    },
  });
  await third.promise;
  await timer.stop();
  expect(events).toEqual(['start 1', 'start 2', 'end 2', 'start 3', 'end 3']);
});
