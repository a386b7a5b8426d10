-- Engines and what they offer. An engine belongs to the installation, so these tables carry no team.

-- Keyed by content: engines of one version share one row, and a user's own nodes make another.
create table node_catalogue (
  sha256 text primary key,
  catalogue jsonb not null,
  created_at timestamptz not null default now()
);

create table engine (
  id text collate "C" primary key,
  name text not null unique,
  version text not null,
  device text not null,
  dtype text not null,
  memory_bytes bigint not null,
  queues text[] not null,
  slots int not null,
  catalogue_sha256 text not null references node_catalogue (sha256),
  registered_at timestamptz not null default now(),
  last_seen_at timestamptz not null default now()
);
create index engine_catalogue on engine (catalogue_sha256);

-- team_id null = provided by the installation. (kind, name) is what a loader node takes.
create table model (
  id text collate "C" primary key,
  team_id text references team (id) on delete cascade,
  kind text not null check (kind in ('checkpoint', 'lora', 'vae')),
  name text not null,
  title text not null,
  family text,
  sha256 text not null,
  size_bytes bigint not null,
  license text,
  defaults jsonb,
  problem text,
  created_at timestamptz not null default now(),
  unique nulls not distinct (team_id, kind, name)
);

alter table model enable row level security;
alter table model force row level security;
create policy installation_read on model for select using (
  team_id is null or team_id = current_setting('studio.team_id', true)
  or current_setting('studio.scope', true) = 'system'
);
create policy team_scope on model using (
  team_id = current_setting('studio.team_id', true) or current_setting('studio.scope', true) = 'system'
);

create table engine_model (
  engine_id text collate "C" not null references engine (id) on delete cascade,
  kind text not null,
  name text not null,
  model_id text collate "C" not null references model (id) on delete cascade,
  primary key (engine_id, kind, name)
);
create index engine_model_model on engine_model (model_id);
