import { createCipheriv, createDecipheriv, hkdfSync, randomBytes, timingSafeEqual } from 'node:crypto';

const nonceBytes = 12;
const tagBytes = 16;

/** A 32-byte key for one purpose, so that no two uses of STUDIO_SECRET share key material. */
export const deriveKey = (secretHex: string, purpose: string): Buffer =>
  Buffer.from(hkdfSync('sha256', Buffer.from(secretHex, 'hex'), '', `studio.${purpose}`, 32));

/** AES-256-GCM under `key`; the answer is nonce + ciphertext + tag. */
export const seal = (key: Buffer, plaintext: string): Buffer => {
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv('aes-256-gcm', key, nonce);
  return Buffer.concat([nonce, cipher.update(plaintext, 'utf8'), cipher.final(), cipher.getAuthTag()]);
};

/** Throws when `sealed` was made with another key or changed since. */
export const unseal = (key: Buffer, sealed: Buffer): string => {
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, nonceBytes));
  decipher.setAuthTag(sealed.subarray(-tagBytes));
  return decipher.update(sealed.subarray(nonceBytes, -tagBytes), undefined, 'utf8') + decipher.final('utf8');
};

/** Compares in time that does not tell where two strings first differ. */
export const isSameSecret = (left: string, right: string): boolean => {
  const [a, b] = [Buffer.from(left), Buffer.from(right)];
  return a.length === b.length && timingSafeEqual(a, b);
};
