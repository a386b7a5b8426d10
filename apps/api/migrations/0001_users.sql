-- Users belong to the installation, not to a team: only system scope sees them.
create table "user" (
  id            text primary key,
  email         text not null unique check (email = lower(email)),
  name          text not null,
  platform_role text not null check (platform_role in ('owner', 'user')),
  created_at    timestamptz not null default now()
);

alter table "user" enable row level security;
alter table "user" force row level security;
create policy system_scope on "user"
  using (current_setting('studio.scope', true) = 'system');
