create table audit_event (
  seq        bigint generated always as identity primary key,
  at         timestamptz not null default now(),
  team_id    text,
  user_id    text,
  action     text not null,
  subject_id text,
  address    text,
  details    jsonb not null default '{}'
);
create index audit_event_team on audit_event (team_id, seq);

create function refuse_audit_change() returns trigger language plpgsql as $$
begin
  raise exception 'The audit log can only be appended to.' using errcode = 'insufficient_privilege';
end $$;

create trigger audit_event_append_only before update or delete or truncate on audit_event
  for each statement execute function refuse_audit_change();

alter table audit_event enable row level security;
alter table audit_event force row level security;
create policy append on audit_event for insert
  with check (team_id = current_setting('studio.team_id', true) or current_setting('studio.scope', true) = 'system');
create policy read on audit_event for select
  using (team_id = current_setting('studio.team_id', true) or current_setting('studio.scope', true) = 'system');
