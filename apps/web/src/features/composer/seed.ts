/** Digits only; what no JSON reader could keep exact becomes the largest seed there is. */
export const parseSeed = (text: string): number | null => {
  const digits = text.replace(/\D/g, '');
  return digits === '' ? null : Math.min(Number(digits), Number.MAX_SAFE_INTEGER);
};
