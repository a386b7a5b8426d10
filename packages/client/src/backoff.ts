const firstMs = 250;
const longestMs = 8_000;

/** Doubles up to eight seconds; the random half keeps many pages from coming back in the same instant. */
export const backoffMs = (failures: number, random: () => number = Math.random): number => {
  const fullMs = Math.min(longestMs, firstMs * 2 ** failures);
  return fullMs * (0.5 + random() / 2);
};
