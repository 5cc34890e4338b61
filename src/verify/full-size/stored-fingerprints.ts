import { readSmallFile } from '../../checkpoint/file-source.ts';
import { CheckpointError } from '../../error.ts';
import { isObject, parseJson } from '../../fields.ts';
import { quote } from '../../quote.ts';
import type { GoldenTap } from '../golden.ts';
import { type Fingerprint, fingerprintTap, parseFingerprints } from './fingerprint.ts';

const LARGEST_FINGERPRINTS = 64 * 2 ** 20;

/**
 * The taps of a golden that the exporter kept as fingerprints.
 *
 * @param path of those in PyTorch's float32, or bfloat16
 * @param twin of those in float64, if there are any
 * @param ids the golden's prompt
 * @throws CheckpointError when one of the files is not sound, or is of another prompt
 */
export async function readFingerprints(
  path: string,
  twin: string | undefined,
  ids: Int32Array,
): Promise<Map<string, GoldenTap>> {
  const theirs = await readFile(path, ids);
  const exact = twin === undefined ? new Map<string, Fingerprint>() : await readFile(twin, ids);
  for (const [tap, kept] of exact) {
    const other = theirs.get(tap);
    if (other && !(sameShape(other, kept) && other.index[0] === kept.index[0])) {
      throw new CheckpointError(twin!, `${quote(tap)} is of another tensor than in ${path}`, 'export both again');
    }
  }
  return new Map([...theirs].map(([tap, kept]) => [tap, fingerprintTap(tap, kept, exact.get(tap))]));
}

const sameShape = (a: Fingerprint, b: Fingerprint) => String(a.shape) === String(b.shape);

async function readFile(path: string, ids: Int32Array): Promise<Map<string, Fingerprint>> {
  const json = parseJson(await readSmallFile(path, LARGEST_FINGERPRINTS), path);
  const taps = isObject(json) ? json.taps : undefined;
  const input = isObject(taps) ? taps._input : undefined;
  const prompt = isObject(input) && Array.isArray(input.ids) ? input.ids : [];
  if (prompt.length !== ids.length || prompt.some((id, at) => id !== ids[at])) {
    throw new CheckpointError(path, 'it is of another prompt than the golden beside it', 'export both again');
  }
  return parseFingerprints(taps, path);
}
