import { hash, verify } from '@node-rs/argon2';

// Argon2id (the package's default) as OWASP lists it: about 20 ms and 19 MiB per hash, so that a burst of
// sign-ins fits a small machine.
const options = { memoryCost: 19_456, timeCost: 2, parallelism: 1 };

export const hashPassword = (password: string): Promise<string> => hash(password.normalize('NFKC'), options);

let decoy: Promise<string> | undefined;

/**
 * Checks a password. A missing hash (no such account) costs the same time as a wrong password, so that
 * the answer does not tell which addresses have accounts.
 */
export const isPasswordRight = async (passwordHash: string | null, password: string): Promise<boolean> => {
  decoy ??= hashPassword('no account has this password');
  const isRight = await verify(passwordHash ?? (await decoy), password.normalize('NFKC'));
  return isRight && passwordHash !== null;
};
