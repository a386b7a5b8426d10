/** What drawing from a prompt has to know of a family of models. */
export interface FamilyTraits {
  /** False for models that only fill in or finish pictures. */
  readonly canDrawFromPrompt: boolean;
  /** The network takes the strength of the prompt as an input: CFG is off, and a negative prompt has no say. */
  readonly isGuided: boolean;
  readonly latentChannels: 4 | 16;
}

const plain: FamilyTraits = { canDrawFromPrompt: true, isGuided: false, latentChannels: 4 };

/** The families that differ from SD 1.x, by the names that engines give them. */
const traits = new Map<string, FamilyTraits>([
  ['sd1-inpaint', { ...plain, canDrawFromPrompt: false }],
  ['sdxl-inpaint', { ...plain, canDrawFromPrompt: false }],
  ['sdxl-refiner', { ...plain, canDrawFromPrompt: false }],
  ['sd3', { ...plain, latentChannels: 16 }],
  ['flux', { ...plain, latentChannels: 16, isGuided: true }],
  ['flux-schnell', { ...plain, latentChannels: 16 }],
  ['flux-fill', { canDrawFromPrompt: false, latentChannels: 16, isGuided: true }],
]);

/** A family that nobody has heard of is drawn with like SD 1.x. */
export const traitsOf = (family: string | null): FamilyTraits => traits.get(family ?? '') ?? plain;
