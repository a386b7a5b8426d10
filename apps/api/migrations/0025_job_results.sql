-- A job may end well although some of its nodes could not run, and nodes may show text besides pictures.
alter table job
  -- By node id, in ComfyUI's shape: first what validation refused, then what failed in the last attempt.
  add column node_errors jsonb not null default '{}',
  -- By node id.
  add column texts jsonb not null default '{}';

drop function enqueue_job(text, text, text, text, text, text, float8, jsonb, jsonb);
drop function finalize_job(text, int, text, boolean, jsonb, float8);

-- Returns how many jobs the team then has waiting, this one included; no row when it may not have more.
create function enqueue_job(
  p_id text, p_team_id text, p_user_id text, p_kind text, p_queue text, p_model text,
  p_cost float8, p_graph jsonb, p_params jsonb, p_node_errors jsonb
) returns table (waiting int, created_at timestamptz) language plpgsql as $$
declare v_waiting int;
begin
  insert into team_queue (team_id) values (p_team_id) on conflict do nothing;
  update team_queue set queued = queued + 1 where team_id = p_team_id and queued < max_queued
    returning queued into v_waiting;
  if not found then return; end if;
  insert into job (id, team_id, user_id, kind, queue, model, cost, graph, params, node_errors)
    values (p_id, p_team_id, p_user_id, p_kind, p_queue, p_model, p_cost, p_graph, p_params, p_node_errors);
  perform enter_lane(p_team_id, p_queue, p_model);
  perform append_event(p_team_id, 'job.updated', p_id, null);
  return query select v_waiting, now();
end $$;

-- Verdict: settled = this call ended the attempt; repeated = an earlier one did; lost = the attempt is not the job's.
-- A cancel that was asked for first wins over a success that arrives later. An engine that gives up by itself
-- ("cancelled" though nobody asked) has not done the work: the job goes to another attempt.
create function finalize_job(
  p_job_id text, p_attempt int, p_outcome text, p_is_retryable boolean, p_error jsonb, p_engine_seconds float8,
  p_node_errors jsonb, p_texts jsonb
) returns table (verdict text, state text) language plpgsql as $$
declare
  v_job job;
  v_state text;
  v_is_retryable boolean := p_is_retryable or p_outcome = 'cancelled';
begin
  perform from team_queue t join job j on j.team_id = t.team_id where j.id = p_job_id for update of t;
  select * into v_job from job j where j.id = p_job_id;
  if not found then return query select 'lost', null; return; end if;
  if p_attempt = any (v_job.settled_attempts) then return query select 'repeated', v_job.state; return; end if;
  if v_job.state <> 'running' or v_job.attempt <> p_attempt then
    return query select 'lost', v_job.state; return;
  end if;
  v_state := case
    when v_job.is_cancel_requested then 'cancelled'
    when p_outcome = 'succeeded' then 'succeeded'
    when v_is_retryable and v_job.attempt < v_job.max_attempts then 'retry_wait'
    else 'failed'
  end;
  update job j set settled_attempts = j.settled_attempts || p_attempt,
      node_errors = case when v_state in ('failed', 'succeeded') then j.node_errors || p_node_errors else j.node_errors end,
      texts = case when v_state in ('failed', 'succeeded') then p_texts else j.texts end
    where j.id = p_job_id;
  perform end_attempt(p_job_id, v_state, case when v_state in ('failed', 'retry_wait') then p_error end, p_engine_seconds);
  return query select 'settled', v_state;
end $$;
