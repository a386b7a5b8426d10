/** What a sampler's group is called; in this order they are offered. */
const labels = {
  often: 'Often used',
  settles: 'Settles: more steps, same picture',
  noisy: 'Adds noise at each step',
  cfgPp: 'CFG++: for a CFG of 1 to 2',
} as const;
type Group = keyof typeof labels;

const oftenUsed = new Set([
  'euler',
  'euler_ancestral',
  'dpmpp_2m',
  'dpmpp_2m_sde',
  'dpmpp_3m_sde',
  'dpmpp_sde',
  'uni_pc',
  'ddim',
  'lcm',
]);
/** Besides those that say so in their name. */
const addsNoise = new Set(['ddpm', 'seeds_2', 'seeds_3', 'sa_solver', 'sa_solver_pece']);

const groupOf = (sampler: string): Group => {
  if (oftenUsed.has(sampler)) return 'often';
  if (sampler.endsWith('_cfg_pp')) return 'cfgPp';
  return addsNoise.has(sampler) || /ancestral|sde/.test(sampler) ? 'noisy' : 'settles';
};

export const toOption = (name: string) => ({ value: name, label: name });

/** Every sampler once, in the group that says how it behaves; inside a group in the engine's order. */
export const groupSamplers = (samplers: readonly string[]) => {
  const groups = Map.groupBy(samplers, groupOf);
  const order: readonly Group[] = ['often', 'settles', 'noisy', 'cfgPp'];
  return order.flatMap((group) => {
    const members = groups.get(group);
    return members ? [{ label: labels[group], options: members.map(toOption) }] : [];
  });
};
