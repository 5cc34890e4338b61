import { createHash } from 'node:crypto';
import type { FileSource } from '../checkpoint/files.ts';
import { CheckpointError } from '../error.ts';

/** Twice what every activation of the published model takes, with a picture. */
const LARGEST_GOLDEN = 16 * 2 ** 30;
const HASHED_AT_ONCE = 2 ** 20;

/** The hash of a golden's file, in hexadecimal. @throws CheckpointError when it is too large */
export async function sha256(file: FileSource): Promise<string> {
  if (file.size > LARGEST_GOLDEN) {
    throw new CheckpointError(file.name, `${file.size} bytes, expected at most ${LARGEST_GOLDEN}`, 'export fewer taps');
  }
  const hash = createHash('sha256');
  for (let at = 0; at < file.size; at += HASHED_AT_ONCE) {
    hash.update(await file.read(at, Math.min(HASHED_AT_ONCE, file.size - at)));
  }
  return hash.digest('hex');
}
