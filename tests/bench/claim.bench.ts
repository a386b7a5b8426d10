import { randomBytes } from 'node:crypto';
import type pg from 'pg';
import { migrate, migrationsFolder } from '../../apps/api/src/platform/migrate.ts';
import { connect, withClient } from '../harness/postgres.ts';
import { type Figure, renderReport, type Section } from './report.ts';
import { formatMs, quantile } from './statistics.ts';

const teamCount = 1_000;
const modelCount = 40;

/** 100,000 waiting jobs of 1,000 teams, a third of them one team's, over 40 models. */
const fill = (jobCount: number): string => `
  insert into node_catalogue (sha256, catalogue) values ('none', '{}');
  insert into engine (id, name, version, device, dtype, memory_bytes, queues, slots, catalogue_sha256)
    values ('eng_bench', 'bench', '1', 'cpu', 'float32', 1, '{default}', 1, 'none');
  insert into model (id, kind, name, title, sha256, size_bytes)
    select 'mdl_' || i, 'checkpoint', 'm' || i, 'm', 'x', 1 from generate_series(0, ${modelCount - 1}) i;
  insert into engine_model (engine_id, kind, name, model_id)
    select 'eng_bench', 'checkpoint', name, id from model;
  insert into team (id, name) select 'team_' || i, 'team' from generate_series(1, ${teamCount}) i;
  insert into team_queue (team_id, weight, max_running, max_queued)
    select 'team_' || i, (array[8, 4, 2, 1])[1 + i % 4], (array[50, 20, 10, 4])[1 + i % 4], ${jobCount}
    from generate_series(1, ${teamCount}) i;
  insert into job (id, team_id, user_id, kind, queue, model, cost, graph)
    select 'job_' || lpad(i::text, 8, '0'),
      'team_' || case when i % 10 < 3 then 1 else 1 + (i * 7919::bigint) % ${teamCount} end,
      'usr', 'graph', 'default', 'm' || (i * 7) % ${modelCount}, 1, jsonb_build_object('prompt', repeat('x', 300))
    from generate_series(1, ${jobCount}) i;
  insert into lane (queue, team_id, model, queued, tag)
    select 'default', team_id, model, count(*), (hashtext(team_id) & 63) / 64.0 from job group by team_id, model;
  update team_queue t set queued = (select count(*) from job j where j.team_id = t.team_id);`;

/** What one would write first: one ORDER BY over a score of weight, age, load and warm models. */
const naiveClaim = `
  update job set state = 'running', attempt = attempt + 1 where id = (
    select j.id from job j join team_queue t using (team_id)
    where j.queue = 'default' and j.state = 'queued' and t.running < t.max_running
    order by t.weight * 10 + extract(epoch from now() - j.created_at) / 60 - t.running * 5
      + (j.model = any ($1))::int * 20 desc, j.id
    limit 1 for update of j skip locked)
  returning id, model`;

const fairClaim = `select id, model, attempt from claim_job(
  'eng_bench', 'default', $1, interval '1 hour', interval '1 hour', 1)`;

interface ClaimRow {
  readonly id: string;
  readonly model: string;
  readonly attempt: number;
}

const inScope = async <T>(client: pg.Client, work: () => Promise<T>, end: 'commit' | 'rollback'): Promise<T> => {
  await client.query("begin; set local studio.scope = 'system'");
  const result = await work();
  await client.query(end);
  return result;
};

/** Times `count` claims of an engine that keeps its last three models; everything but the statement is left out. */
const timeClaims = async (
  client: pg.Client,
  { count, statement, end }: { count: number; statement: string; end: 'commit' | 'rollback' },
) => {
  const samples: number[] = [];
  const loaded = ['m5', 'm18', 'm34'];
  let warm = 0;
  for (let i = 0; i < count; i++) {
    const { row, ms } = await inScope(
      client,
      async () => {
        const startedMs = performance.now();
        const { rows } = await client.query<ClaimRow>(statement, [loaded]);
        return { row: rows[0], ms: performance.now() - startedMs };
      },
      end,
    );
    if (!row) throw new Error('There was nothing to claim.');
    samples.push(ms);
    if (loaded.includes(row.model)) warm++;
    else loaded.splice(0, 1, row.model);
  }
  return { samples, warmShare: warm / count };
};

/** Claims and commits from several connections at once, each finishing its job before the next. */
const measureRate = async (urls: readonly string[], perConnection: number): Promise<number> => {
  const clients = await Promise.all(urls.map(connect));
  const startedMs = performance.now();
  await Promise.all(
    clients.map((client) => timeClaims(client, { count: perConnection, statement: fairClaim, end: 'commit' })),
  );
  const seconds = (performance.now() - startedMs) / 1_000;
  await Promise.all(clients.map((client) => client.end()));
  return (clients.length * perConnection) / seconds;
};

const measureAt = async (databaseUrl: string, jobCount: number): Promise<Figure[]> => {
  const { fair, naive } = await withClient(databaseUrl, async (client) => {
    await inScope(client, () => client.query(fill(jobCount)), 'commit');
    for (const table of ['job', 'lane', 'team_queue', 'engine_model']) await client.query(`vacuum analyze ${table}`);
    return {
      fair: await timeClaims(client, { count: 500, statement: fairClaim, end: 'commit' }),
      naive: await timeClaims(client, { count: 30, statement: naiveClaim, end: 'rollback' }),
    };
  });
  const rate = await measureRate(
    Array.from({ length: 4 }, () => databaseUrl),
    150,
  );
  const [p50, p99] = [quantile(fair.samples, 0.5), quantile(fair.samples, 0.99)];
  const naiveP50 = quantile(naive.samples, 0.5);
  const at = `${jobCount.toLocaleString('en')} waiting jobs of ${teamCount} teams`;
  return [
    {
      name: `claim, ${at}`,
      value: `p50 ${formatMs(p50)}, p99 ${formatMs(p99)}`,
      ratio: `${(naiveP50 / p50).toFixed(0)} x faster`,
      note: `one ORDER BY over a score takes p50 ${formatMs(naiveP50)} in the same run`,
    },
    {
      name: `claims per second, ${at}`,
      value: `${rate.toFixed(0)}/s`,
      ratio: '',
      note: `four connections, each claim committed; ${(100 * fair.warmShare).toFixed(0)} % went to a model in memory`,
    },
  ];
};

/** Claims at 10,000 and 100,000 waiting jobs, each on a database of its own next to the given one. */
export const measureClaims = async (serverUrl: string): Promise<Section> => {
  const figures: Figure[] = [];
  for (const jobCount of [10_000, 100_000]) {
    const name = `studio_bench_${randomBytes(4).toString('hex')}`;
    const url = new URL(serverUrl);
    url.pathname = `/${name}`;
    await withClient(serverUrl, async (server) => {
      await server.query(`create database ${name}`);
      try {
        await migrate(url.href, migrationsFolder);
        figures.push(...(await measureAt(url.href, jobCount)));
      } finally {
        await server.query(`drop database if exists ${name} with (force)`);
      }
    });
  }
  return { title: 'Queue', figures };
};

if (import.meta.main) {
  const serverUrl = process.env.STUDIO_TEST_DATABASE_URL;
  if (!serverUrl) throw new Error('Set STUDIO_TEST_DATABASE_URL to a server on which the role may create databases.');
  const section = await measureClaims(serverUrl);
  console.log(renderReport([section], { engine: 'none', day: new Date().toISOString().slice(0, 10) }));
}
