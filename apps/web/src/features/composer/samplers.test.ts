import { expect, test } from 'vitest';
import { groupSamplers } from './samplers.ts';

/** ComfyUI's, in its order. */
const all =
  `euler euler_cfg_pp euler_ancestral euler_ancestral_cfg_pp heun heunpp2 dpm_2 dpm_2_ancestral lms dpm_fast dpm_adaptive
  dpmpp_2s_ancestral dpmpp_2s_ancestral_cfg_pp dpmpp_sde dpmpp_sde_gpu dpmpp_2m dpmpp_2m_cfg_pp dpmpp_2m_sde
  dpmpp_2m_sde_gpu dpmpp_2m_sde_heun dpmpp_2m_sde_heun_gpu dpmpp_3m_sde dpmpp_3m_sde_gpu ddpm lcm ipndm ipndm_v deis
  res_multistep res_multistep_cfg_pp res_multistep_ancestral res_multistep_ancestral_cfg_pp gradient_estimation
  gradient_estimation_cfg_pp er_sde seeds_2 seeds_3 sa_solver sa_solver_pece ddim uni_pc uni_pc_bh2`.split(/\s+/);

test('every sampler is offered once, in groups that a person can look through', () => {
  const groups = groupSamplers(all);
  expect(all).toHaveLength(42);
  expect(groups.flatMap(({ options }) => options.map(({ value }) => value)).sort()).toEqual([...all].sort());
  expect(groups.map(({ options }) => options.length)).toEqual([9, 12, 14, 7]);
});

test('a group without members is left out', () => {
  expect(groupSamplers(['heun', 'euler'])).toEqual([
    { label: 'Often used', options: [{ value: 'euler', label: 'euler' }] },
    { label: 'Settles: more steps, same picture', options: [{ value: 'heun', label: 'heun' }] },
  ]);
});
