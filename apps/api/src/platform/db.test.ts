import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestStudio, type TestStudio } from '../../test/studio.ts';
import { recordAudit } from '../domains/audit/index.ts';
import { joinTransaction, type Scope } from './db.ts';
import { newId } from './ids.ts';

const a = newId('team');
const b = newId('team');

let studio: TestStudio;
beforeAll(async () => {
  studio = await startTestStudio();
  await studio.deps.db.tx('system', (tx) =>
    tx
      .insertInto('team')
      .values([
        { id: a, name: 'A' },
        { id: b, name: 'B' },
      ])
      .execute(),
  );
});
afterAll(() => studio.stop());

const teamNames = (scope: Scope) =>
  studio.deps.db.tx(scope, async (tx) =>
    (await tx.selectFrom('team').select('name').orderBy('name').execute()).map((row) => row.name),
  );

test('a query without a where sees the rows of its own team only', async () => {
  expect(await teamNames({ teamId: a })).toEqual(['A']);
  expect(await teamNames({ teamId: newId('team') })).toEqual([]);
  expect(await teamNames('system')).toEqual(['A', 'B']);
});

test('a team can neither change nor take over what belongs to another', async () => {
  const changed = await studio.deps.db.tx({ teamId: a }, (tx) =>
    tx.updateTable('team').set({ name: 'Mine' }).where('id', '=', b).executeTakeFirst(),
  );
  expect(changed.numUpdatedRows).toBe(0n);
  const moved = studio.deps.db.tx({ teamId: a }, (tx) =>
    tx
      .updateTable('team')
      .set({ id: newId('team') })
      .execute(),
  );
  await expect(moved).rejects.toThrow('row-level security');
  const planted = studio.deps.db.tx({ teamId: a }, (tx) => recordAudit(tx, { action: 'x', teamId: b, userId: null }));
  await expect(planted).rejects.toThrow('row-level security');
});

test('accounts and sessions are invisible from any team', async () => {
  await studio.registerOwner();
  for (const table of ['user', 'credential', 'session', 'refresh_token', 'signing_key'] as const) {
    const seen = await studio.deps.db.tx({ teamId: a }, (tx) => tx.selectFrom(table).selectAll().execute());
    expect([table, seen.length]).toEqual([table, 0]);
    const all = await studio.deps.db.tx('system', (tx) => tx.selectFrom(table).selectAll().execute());
    expect(all.length).toBeGreaterThan(0);
  }
});

test('every table with a team forces row-level security', async () => {
  const { rows } = await studio.deps.db.tx('system', (tx) =>
    sql<{ name: string }>`
      select distinct c.relname as name from pg_class c join pg_attribute att on att.attrelid = c.oid
      where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and att.attname = 'team_id'
        and not (c.relrowsecurity and c.relforcerowsecurity)`.execute(tx),
  );
  expect(rows).toEqual([]);
});

test('a scope ends with its transaction, also on the same connection', async () => {
  await Promise.all(Array.from({ length: 20 }, (_, i) => teamNames({ teamId: i % 2 ? a : b })));
  const names = await Promise.all(Array.from({ length: 20 }, (_, i) => teamNames({ teamId: i % 2 ? a : b })));
  expect(names).toEqual(Array.from({ length: 20 }, (_, i) => [i % 2 ? 'A' : 'B']));
});

test('effects run after the commit, and never when the work fails or an error inside was swallowed', async () => {
  const seen: string[] = [];
  await studio.deps.db.tx('system', async (_, onCommit) => onCommit(() => seen.push('committed')));
  const failed = studio.deps.db.tx('system', async (_, onCommit) => {
    onCommit(() => seen.push('failed'));
    throw new Error('no');
  });
  await expect(failed).rejects.toThrow('no');
  const swallowed = studio.deps.db.tx('system', async (tx, onCommit) => {
    onCommit(() => seen.push('swallowed'));
    await sql`select 1 / 0`.execute(tx).catch(() => undefined);
  });
  await expect(swallowed).rejects.toThrow('rolled back');
  expect(seen).toEqual(['committed']);
});

test('of two transactions that deadlock the victim runs again and both succeed', async () => {
  const rename = async (first: typeof a, second: typeof a, arrived: () => Promise<void>) =>
    studio.deps.db.tx('system', async (tx) => {
      await tx.updateTable('team').set({ name: 'X' }).where('id', '=', first).execute();
      await arrived();
      await tx.updateTable('team').set({ name: 'Y' }).where('id', '=', second).execute();
      return 'done';
    });
  let waiting = 0;
  const both = Promise.withResolvers<void>();
  const arrived = () => {
    waiting += 1;
    if (waiting === 2) both.resolve();
    return both.promise;
  };
  expect(await Promise.all([rename(a, b, arrived), rename(b, a, arrived)])).toEqual(['done', 'done']);
});

test('a joined transaction serves its own team only', async () => {
  await studio.deps.db.tx({ teamId: a }, async (tx, onCommit) => {
    const joined = joinTransaction(studio.deps.db, { tx, onCommit, teamId: a });
    expect(await joined.tx({ teamId: a }, async () => 'same')).toBe('same');
    await expect(joined.tx({ teamId: b }, async () => 'other')).rejects.toThrow('only serve the team');
    await expect(joined.tx('system', async () => 'all')).rejects.toThrow('only serve the team');
  });
});

test('the database tells when it does not answer', async () => {
  expect(await studio.deps.db.ping()).toBe(true);
});
