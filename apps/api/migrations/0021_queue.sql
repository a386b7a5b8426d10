-- The job queue: jobs, the lanes they wait in, and one scheduling row per team.
-- Invariant: every mutation locks the team's row in team_queue first. Caps are therefore exact and lanes never drift.

create table team_queue (
  team_id text primary key references team (id) on delete cascade,
  -- Share of the engines relative to other teams that wait; the ratio counts, not the value.
  weight float8 not null default 1 check (weight > 0),
  max_running int not null default 64 check (max_running > 0),
  max_queued int not null default 500,
  running int not null default 0,
  -- Jobs in states queued and retry_wait.
  queued int not null default 0,
  -- Newest number in the team's event log. The row lock makes commit order equal number order.
  event_seq bigint not null default 0
) with (fillfactor = 50);

alter table team_queue enable row level security;
alter table team_queue force row level security;
create policy team_scope on team_queue using (
  team_id = current_setting('studio.team_id', true) or current_setting('studio.scope', true) = 'system'
);

create table job (
  id text collate "C" primary key,
  team_id text not null references team (id) on delete cascade,
  user_id text not null,
  kind text not null check (kind in ('txt2img', 'graph')),
  queue text not null,
  -- The checkpoint the graph loads first; '' when it loads none.
  model text not null,
  priority smallint not null default 0,
  -- Estimated work; 1 = one picture of 512 x 512 in 20 steps.
  cost float8 not null check (cost > 0),
  graph jsonb not null,
  params jsonb,
  state text not null default 'queued'
    check (state in ('queued', 'retry_wait', 'running', 'succeeded', 'failed', 'cancelled')),
  -- (id, attempt) is the fence: a call that names an older attempt changes nothing.
  attempt int not null default 0,
  max_attempts int not null default 3,
  -- Attempts that an engine has ended, so that a repeated finalize gets its first answer.
  settled_attempts int[] not null default '{}',
  is_cancel_requested boolean not null default false,
  engine_id text collate "C",
  lease_until timestamptz,
  deadline_at timestamptz,
  run_after timestamptz,
  progress jsonb,
  error jsonb,
  engine_seconds float8 not null default 0,
  created_at timestamptz not null default now(),
  started_at timestamptz,
  finished_at timestamptz
)
-- A heartbeat rewrites the row; a low target keeps graph and params out of line, so that it does not rewrite them.
with (fillfactor = 80, toast_tuple_target = 256);

create index job_lane_head on job (queue, team_id, model, priority desc, id) where state = 'queued';
create index job_lease on job (lease_until) where state = 'running';
create index job_retry on job (run_after) where state = 'retry_wait';
create index job_team on job (team_id, id desc);
create index job_team_active on job (team_id, id desc) where state in ('queued', 'retry_wait', 'running');

alter table job enable row level security;
alter table job force row level security;
create policy team_scope on job using (
  team_id = current_setting('studio.team_id', true) or current_setting('studio.scope', true) = 'system'
);

-- One row per (queue, team, model). A team at its cap leaves the index of eligible lanes instead of being skipped
-- row by row in each claim; claims rewrite lanes constantly, hence the free space and the fixed vacuum threshold.
create table lane (
  queue text not null,
  team_id text not null references team (id) on delete cascade,
  model text not null,
  queued int not null default 0,
  -- Virtual start time of the lane's next job: service received so far, in cost / weight.
  tag float8 not null,
  -- The tag at which the lane was last served.
  served_tag float8 not null default 0,
  is_blocked boolean not null default false,
  is_eligible boolean not null generated always as (queued > 0 and not is_blocked) stored,
  primary key (queue, team_id, model)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 2000);

create index lane_next on lane (queue, tag, team_id) where is_eligible;
create index lane_next_warm on lane (queue, model, tag, team_id) where is_eligible;
create index lane_served on lane (queue, served_tag desc);
create index lane_team on lane (team_id);

alter table lane enable row level security;
alter table lane force row level security;
create policy team_scope on lane using (
  team_id = current_setting('studio.team_id', true) or current_setting('studio.scope', true) = 'system'
);

-- Which thing changed, never its content: what is replayed is always the present truth.
create table event (
  team_id text not null references team (id) on delete cascade,
  seq bigint not null,
  type text not null,
  job_id text collate "C",
  asset_id text collate "C",
  at timestamptz not null default now(),
  primary key (team_id, seq)
);
create index event_at on event (at);

alter table event enable row level security;
alter table event force row level security;
create policy team_scope on event using (
  team_id = current_setting('studio.team_id', true) or current_setting('studio.scope', true) = 'system'
);
