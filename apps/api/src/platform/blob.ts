import { createHash, randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { AppError } from './app-error.ts';

/**
 * Files by key, in one folder. A plain module rather than a port: it becomes a port with two adapters
 * and one contract test on the day a second store (S3) exists.
 */
export interface Blob {
  /**
   * Stores a stream under `key` whole or not at all, durably, replacing what was there.
   * Throws `blob.too_large` past `maxBytes` and `blob.hash_mismatch` when `sha256` is given and differs.
   */
  put(key: string, bytes: Readable, options: PutOptions): Promise<StoredBlob>;
  /** Null when there is no such file. Whoever opens it must read or destroy the stream. */
  find(key: string): Promise<OpenBlob | null>;
  /** Safe to repeat. */
  remove(key: string): Promise<void>;
}

export interface PutOptions {
  readonly maxBytes: number;
  readonly sha256?: string;
}

export interface StoredBlob {
  readonly sha256: string;
  readonly sizeBytes: number;
}

export interface OpenBlob {
  readonly sizeBytes: number;
  /** `start` and `end` are inclusive byte offsets; left out = the whole file. */
  read(range?: { readonly start: number; readonly end: number }): Readable;
}

/** Lower-case path of plain names. Keys are made by the server, so a bad one is a bug or an attack, never a typo. */
const keyPattern = /^[a-z0-9_-]+(\/[a-z0-9_-]+)*(\.[a-z0-9]+)?$/;

export const isBlobKey = (key: string): boolean => key.length <= 500 && keyPattern.test(key);

const isMissing = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === 'ENOENT';

/** Counts and hashes what passes, and stops the stream one byte past the limit. */
const measure = (maxBytes: number) => {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  const through = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      sizeBytes += chunk.length;
      if (sizeBytes > maxBytes) {
        done(new AppError('blob.too_large', { details: { maxBytes } }));
        return;
      }
      hash.update(chunk);
      done(null, chunk);
    },
  });
  return { through, finish: (): StoredBlob => ({ sha256: hash.digest('hex'), sizeBytes }) };
};

/** A rename is durable only once its folder is on disk as well. */
const syncFolder = async (path: string): Promise<void> => {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
};

/** Keeps files under `root`; half-written ones live in `root/.incoming` and never under a key. */
export const openFilesystemBlob = async (root: string): Promise<Blob> => {
  const incoming = join(root, '.incoming');
  // What a crash left half-written belongs to nobody.
  await rm(incoming, { recursive: true, force: true });
  await mkdir(incoming, { recursive: true });

  const pathOf = (key: string): string => {
    if (!isBlobKey(key)) throw new AppError('blob.not_found');
    return join(root, key);
  };

  return {
    put: async (key, bytes, { maxBytes, sha256 }) => {
      const target = pathOf(key);
      const temporary = join(incoming, randomUUID());
      const { through, finish } = measure(maxBytes);
      try {
        await pipeline(bytes, through, createWriteStream(temporary, { flags: 'wx', flush: true }));
        const stored = finish();
        if (sha256 !== undefined && sha256 !== stored.sha256) throw new AppError('blob.hash_mismatch');
        await mkdir(dirname(target), { recursive: true });
        await rename(temporary, target);
        await syncFolder(dirname(target));
        return stored;
      } catch (error) {
        await rm(temporary, { force: true });
        throw error;
      }
    },
    find: async (key) => {
      const path = pathOf(key);
      try {
        const { size } = await stat(path);
        return { sizeBytes: size, read: (range) => createReadStream(path, range) };
      } catch (error) {
        if (isMissing(error)) return null;
        throw error;
      }
    },
    remove: (key) => rm(pathOf(key), { force: true }),
  };
};
