import { AppError } from '../../platform/app-error.ts';

const minLength = 10;
/** What must remain once the person's own words are taken away. */
const minForeignLength = 6;

/** zxcvbn's list of leaked passwords, most used first. Loaded with the first registration: it costs 20 MB and 40 ms. */
const loadCommonPasswords = async (): Promise<ReadonlySet<string>> => {
  const { dictionary } = await import('@zxcvbn-ts/language-common');
  return new Set(dictionary['passwords-common']);
};
let commonPasswords: Promise<ReadonlySet<string>> | undefined;

/** "Password2024!" is "password" to whoever guesses. */
const withoutDecoration = (password: string): string => password.replace(/[\d\p{P}\p{S}\s]+$/u, '');

const isMostlyPersonal = (password: string, personal: readonly string[]): boolean => {
  const words = personal.flatMap((text) => text.toLowerCase().split(/[\s@.]+/)).filter((word) => word.length >= 3);
  const foreign = words.reduce((rest, word) => rest.replaceAll(word, ''), password);
  return foreign.length < minForeignLength;
};

/** Throws `auth.password_weak`. `personal`: the person's own address and name, which others guess first. */
export const checkPassword = async (password: string, personal: readonly string[]): Promise<void> => {
  const folded = password.normalize('NFKC').toLowerCase();
  commonPasswords ??= loadCommonPasswords();
  const common = await commonPasswords;
  const isWeak =
    [...folded].length < minLength ||
    new Set(folded).size < 5 ||
    common.has(folded) ||
    common.has(withoutDecoration(folded)) ||
    isMostlyPersonal(folded, personal);
  if (isWeak) throw new AppError('auth.password_weak');
};
