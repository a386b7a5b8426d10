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
const traits = new Map<string, Partial<FamilyTraits>>([
  ['sd3', { latentChannels: 16 }],
  ['flux', { latentChannels: 16, isGuided: true }],
  ['flux-schnell', { latentChannels: 16 }],
]);

/** How engines mark variants that need a picture besides the prompt, or one to finish. */
const needsPicture = /-(inpaint|fill|edit|refiner)$/;

/** A family that nobody has heard of is drawn with like SD 1.x. */
export const traitsOf = (family: string | null): FamilyTraits => ({
  ...plain,
  ...traits.get(family ?? ''),
  canDrawFromPrompt: !needsPicture.test(family ?? ''),
});
