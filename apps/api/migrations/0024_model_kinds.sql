-- Every kind of model file that ComfyUI keeps in a folder of its own.
alter table model drop constraint model_kind_check;
alter table model add constraint model_kind_check check (kind in (
  'checkpoint', 'lora', 'vae', 'text_encoder', 'diffusion_model', 'controlnet', 'embedding', 'clip_vision',
  'style_model', 'upscale_model', 'hypernetwork', 'gligen', 'vae_approx', 'photomaker', 'model_patch',
  'background_removal', 'ip_adapter'
));

-- A graph may load its diffusion model from a file of its own: the lane then carries that file's name. The two functions
-- below are those of 0022, but for the kinds of file that make an engine fit to serve a lane.

-- Whether a lane waits that this engine could serve: then an empty claim only met busy rows.
create or replace function has_claimable_lane(p_engine_id text, p_queues text[]) returns boolean language sql stable as $$
  select exists (
    select from lane l where l.queue = any (p_queues) and l.is_eligible and (l.model = '' or exists (
      select from engine_model m
      where m.engine_id = p_engine_id and m.kind in ('checkpoint', 'diffusion_model') and m.name = l.model)))
$$;

-- The next job of one queue for an engine, or no row. A lane whose model is in memory may go ahead of the smallest tag
-- by p_window (cost / weight); the jump is paid back because tags keep counting. Window 1 finished 18 % more jobs than
-- window 0 where loading a model takes twice as long as a job. Never waits for a team's row: blocking on a second one
-- deadlocked 23 times in 3,000 jobs. A row may therefore be missed while its team is busy; the caller asks again.
create or replace function claim_job(
  p_engine_id text, p_queue text, p_loaded_models text[], p_lease interval, p_deadline interval, p_window float8
) returns setof job language plpgsql as $$
declare
  v_lane record;
  v_team team_queue;
  v_job_id text;
begin
  for v_lane in
    with best as materialized (
      select l.team_id, l.model, l.tag from lane l
      where l.queue = p_queue and l.is_eligible and (l.model = '' or exists (
        select from engine_model m
        where m.engine_id = p_engine_id and m.kind in ('checkpoint', 'diffusion_model') and m.name = l.model))
      order by l.tag, l.team_id limit 8
    ), warm as materialized (
      select w.team_id, w.model, w.tag from unnest(p_loaded_models) loaded (model) cross join lateral (
        select l.team_id, l.model, l.tag from lane l
        where l.queue = p_queue and l.model = loaded.model and l.is_eligible
        order by l.tag, l.team_id limit 4) w
      where w.tag <= (select min(tag) from best) + p_window
    )
    select team_id, model, tag, 0 as coldness from warm
    union all select team_id, model, tag, 1 from best
    order by coldness, tag
  loop
    select * into v_team from team_queue where team_id = v_lane.team_id for update skip locked;
    if not found then continue; end if;
    if v_team.running >= v_team.max_running then
      update lane set is_blocked = true where team_id = v_team.team_id and not is_blocked;
      continue;
    end if;
    select id into v_job_id from job
      where queue = p_queue and team_id = v_lane.team_id and model = v_lane.model and state = 'queued'
      order by priority desc, id limit 1;
    if not found then continue; end if;
    return next start_attempt(v_job_id, p_engine_id, p_lease, p_deadline);
    return;
  end loop;
end $$;
