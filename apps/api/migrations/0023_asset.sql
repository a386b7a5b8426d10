create table asset (
  id text collate "C" primary key,
  team_id text not null references team (id) on delete cascade,
  user_id text not null,
  job_id text collate "C" not null references job (id) on delete cascade,
  node_id text not null,
  -- Place in the job's results, from 0.
  position int not null,
  blob_key text not null unique,
  content_type text not null,
  size_bytes bigint not null,
  sha256 text not null,
  width int not null,
  height int not null,
  -- Copied from the job, so that a picture outlives it.
  params jsonb,
  -- False for previews: shown with the job, never in the gallery.
  is_kept boolean not null,
  created_at timestamptz not null default now(),
  deleted_at timestamptz,
  -- Set before the bytes are removed; from then on the picture cannot be restored.
  purged_at timestamptz
);
create index asset_team on asset (team_id, id desc) where is_kept and deleted_at is null;
create index asset_job on asset (job_id, position);
create index asset_trash on asset (deleted_at) where deleted_at is not null;
create index asset_preview on asset (created_at) where not is_kept;

alter table asset enable row level security;
alter table asset force row level security;
create policy team_scope on asset using (
  team_id = current_setting('studio.team_id', true) or current_setting('studio.scope', true) = 'system'
);

-- Files that an engine may put and no asset owns yet. What stays here after its attempt has ended is swept.
create table upload (
  blob_key text primary key,
  team_id text not null references team (id) on delete cascade,
  job_id text collate "C" not null references job (id) on delete cascade,
  attempt int not null,
  created_at timestamptz not null default now()
);
create index upload_created on upload (created_at);
create index upload_job on upload (job_id);

alter table upload enable row level security;
alter table upload force row level security;
create policy team_scope on upload using (
  team_id = current_setting('studio.team_id', true) or current_setting('studio.scope', true) = 'system'
);
