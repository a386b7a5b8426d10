create table idempotency_key (
  team_id      text not null references team (id) on delete cascade,
  key          text not null,
  endpoint     text not null,
  request_hash bytea not null,
  response     jsonb not null,
  expires_at   timestamptz not null default now() + interval '24 hours',
  primary key (team_id, key)
);
create index idempotency_key_expiry on idempotency_key (expires_at);

alter table idempotency_key enable row level security;
alter table idempotency_key force row level security;
create policy team_scope on idempotency_key
  using (team_id = current_setting('studio.team_id', true) or current_setting('studio.scope', true) = 'system');
