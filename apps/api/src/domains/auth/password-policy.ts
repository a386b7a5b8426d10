import { AppError } from '../../platform/app-error.ts';

const minLength = 10;

/** Throws `auth.password_weak`. `personal`: the person's own address and name, which others guess first. */
export const checkPassword = (password: string, personal: readonly string[]): void => {
  const isLongEnough = [...password].length >= minLength;
  const hasVariety = new Set(password.toLowerCase()).size >= 5;
  if (!isLongEnough || !hasVariety) throw new AppError('auth.password_weak');
};
