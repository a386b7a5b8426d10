export interface Size {
  readonly width: number;
  readonly height: number;
}

export const aspects = [
  { name: '1:1', ratio: 1 },
  { name: '3:2', ratio: 3 / 2 },
  { name: '2:3', ratio: 2 / 3 },
  { name: '16:9', ratio: 16 / 9 },
  { name: '9:16', ratio: 9 / 16 },
] as const;

export type AspectName = (typeof aspects)[number]['name'];

const neighbours = (side: number, multiple: number): number[] => {
  const below = Math.floor(side / multiple) * multiple;
  return [below, below + multiple];
};

/** How far a size is from what was wished, both in shape and in area; shape weighs more. */
const miss = ({ width, height }: Size, ratio: number, area: number): number =>
  2 * Math.abs(Math.log(width / height / ratio)) + Math.abs(Math.log((width * height) / area));

interface SideLimits {
  readonly minSide: number;
  readonly maxSide: number;
  readonly sideMultiple: number;
}

/** The size of this shape with about as many pixels as the model was trained on. */
export const sizeForAspect = (native: Size, ratio: number, { minSide, maxSide, sideMultiple }: SideLimits): Size => {
  const area = native.width * native.height;
  const clamp = (side: number) => Math.min(maxSide, Math.max(minSide, side));
  const candidates = neighbours(Math.sqrt(area * ratio), sideMultiple).flatMap((width) =>
    neighbours(Math.sqrt(area / ratio), sideMultiple).map((height) => ({ width: clamp(width), height: clamp(height) })),
  );
  return candidates.reduce((best, size) => (miss(size, ratio, area) < miss(best, ratio, area) ? size : best));
};

/** The chip that stands for this size, if one does. */
export const findAspect = (size: Size, native: Size, limits: SideLimits): AspectName | null => {
  const match = aspects.find(({ ratio }) => {
    const { width, height } = sizeForAspect(native, ratio, limits);
    return width === size.width && height === size.height;
  });
  return match?.name ?? null;
};
