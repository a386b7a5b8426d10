create table team (
  id         text primary key,
  name       text not null,
  created_at timestamptz not null default now()
);

create table team_member (
  team_id    text not null references team (id) on delete cascade,
  user_id    text not null references "user" (id) on delete cascade,
  role       text not null check (role in ('owner', 'admin', 'member', 'viewer')),
  created_at timestamptz not null default now(),
  primary key (team_id, user_id)
);
create index team_member_user on team_member (user_id);

alter table team enable row level security;
alter table team force row level security;
create policy team_scope on team
  using (id = current_setting('studio.team_id', true) or current_setting('studio.scope', true) = 'system');

alter table team_member enable row level security;
alter table team_member force row level security;
create policy team_scope on team_member
  using (team_id = current_setting('studio.team_id', true) or current_setting('studio.scope', true) = 'system');
