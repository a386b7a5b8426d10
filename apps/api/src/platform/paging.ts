import type { z } from 'zod';
import { AppError } from './app-error.ts';

/** The id to read on from. Throws `request.invalid` for a cursor that this API did not give. */
export const readCursor = <T>(idSchema: z.ZodType<T>, cursor: string | undefined): T | undefined => {
  if (cursor === undefined) return undefined;
  const result = idSchema.safeParse(cursor);
  if (result.success) return result.data;
  const message = 'Pass the nextCursor of the page before, or leave it out.';
  throw new AppError('request.invalid', { details: { fields: [{ path: 'cursor', message }] } });
};

/** A page of `limit` from up to one item more; the surplus one only tells that there is a next page. */
export const toPage = <T extends { readonly id: string }>(itemsAndOne: readonly T[], limit: number) => {
  const items = itemsAndOne.slice(0, limit);
  return { items, nextCursor: itemsAndOne.length > limit ? (items.at(-1)?.id ?? null) : null };
};
