-- Credentials and sessions belong to the installation: only system scope sees them.
create table credential (
  user_id       text primary key references "user" (id) on delete cascade,
  password_hash text not null,
  updated_at    timestamptz not null default now()
);

create table session (
  id            text primary key,
  user_id       text not null references "user" (id) on delete cascade,
  team_id       text not null references team (id) on delete cascade,
  user_agent    text not null,
  address       text not null,
  created_at    timestamptz not null default now(),
  -- Absolute: refreshing never moves it.
  expires_at    timestamptz not null,
  revoked_at    timestamptz,
  revoke_reason text
);
create index session_by_user on session (user_id);
create index session_by_end on session (revoked_at) where revoked_at is not null;

-- A token holds 256 random bits, so its plain SHA-256 is as good as the token is unguessable.
create table refresh_token (
  hash       bytea primary key,
  session_id text not null references session (id) on delete cascade,
  parent     bytea references refresh_token (hash) on delete cascade,
  created_at timestamptz not null default now(),
  -- When it was exchanged, or when a sibling of it was; it stays valid for a short grace after that.
  used_at    timestamptz
);
create index refresh_token_session on refresh_token (session_id);
create index refresh_token_parent on refresh_token (parent);

create table signing_key (
  kid         text primary key,
  state       text not null check (state in ('next', 'active', 'retired')),
  public_jwk  jsonb not null,
  private_key bytea not null,
  created_at  timestamptz not null default now(),
  changed_at  timestamptz not null default now()
);
create unique index signing_key_one_active on signing_key (state) where state = 'active';
create unique index signing_key_one_next on signing_key (state) where state = 'next';

do $$
declare name text;
begin
  foreach name in array array['credential', 'session', 'refresh_token', 'signing_key'] loop
    execute format('alter table %I enable row level security', name);
    execute format('alter table %I force row level security', name);
    execute format('create policy system_scope on %I using (current_setting(''studio.scope'', true) = ''system'')', name);
  end loop;
end $$;
