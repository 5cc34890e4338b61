import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Device } from '../../../tensor/device.ts';
import { parseConfig } from '../../architecture/config.ts';
import { readSmallFile } from '../../checkpoint/file-source.ts';
import { proceduralCheckpoint } from '../../checkpoint/procedural.ts';
import { CheckpointError } from '../../error.ts';
import { isObject, parseJson } from '../../fields.ts';
import { freeModel, loadModel, type Model } from '../../model/qwen-vl.ts';
import type { TapMeasurement } from '../compare.ts';
import { list, whole } from '../decoder.ts';
import { toLine } from '../line.ts';
import { type Fingerprint, parseFingerprints } from './fingerprint.ts';
import { runSteps } from './full-size.ts';
import { forgetProgress, loadProgress, saveProgress } from './saved-progress.ts';
import { passSteps, type Step, wideSteps } from './steps.ts';

/** Fingerprints of the published configuration with procedural weights. */
export interface FullSizeCase {
  readonly name: string;
  readonly kind: 'random';
  readonly provenance: Readonly<Record<string, string>>;
  measure(device: Device, options: FullSizeOptions): Promise<TapMeasurement[]>;
}

export interface FullSizeOptions {
  readonly wanted: (name: string) => boolean;
  /** Where progress is kept from step to step, and taken up again if it is there. */
  readonly resume?: string | undefined;
  /** Told before each step, with the share of all operations that is done. */
  readonly onStep?: (name: string, share: number) => void;
}

const CONFIG = fileURLToPath(new URL('../../../golden/published/config.json', import.meta.url));
const LARGEST_FILE = 64 * 2 ** 20;
const MOST_IDS = 8192;

/**
 * Opens golden/full-size/wide.json, full.json, or what else has their form.
 *
 * @throws CheckpointError
 */
export async function openFullSize(path: string): Promise<FullSizeCase> {
  const bytes = await readSmallFile(path, LARGEST_FILE);
  const json = parseJson(bytes, path);
  const taps = isObject(json) ? json.taps : undefined;
  const fingerprints = parseFingerprints(taps, path);
  const stepsOf = stepsFor(taps as Readonly<Record<string, unknown>>, fingerprints, path);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const name = basename(path, '.json');
  return {
    name,
    kind: 'random',
    provenance: { file: toLine(basename(path)), sha256, weights: 'procedural', ...producer(json) },
    async measure(device, { wanted, resume, onStep }) {
      const config = parseConfig(parseJson(await readSmallFile(CONFIG, LARGEST_FILE), CONFIG), CONFIG);
      const model = loadModel(device, config, proceduralCheckpoint(config, device.driver.bfloat16), {
        resident: 'none',
      });
      const what = { golden: sha256, device: device.name };
      try {
        const measured = await runSteps(model, stepsOf, {
          fingerprints,
          wanted,
          from: resume === undefined ? undefined : await loadProgress(resume, what),
          onStep: ({ name }, share) => onStep?.(name, share),
          ...(resume === undefined ? {} : { onProgress: (progress) => saveProgress(resume, what, progress) }),
        });
        if (resume !== undefined) await forgetProgress(resume);
        return measured;
      } finally {
        freeModel(model);
        await device.queue.idle();
      }
    },
  };
}

/** A whole pass has a prompt; without one it is single layers. */
function stepsFor(
  taps: Readonly<Record<string, unknown>>,
  fingerprints: ReadonlyMap<string, Fingerprint>,
  where: string,
): (model: Model) => readonly Step[] {
  const input = taps._input;
  if (isObject(input)) {
    const ids = Int32Array.from(list(whole(0, 2 ** 31 - 1), MOST_IDS)(input.ids, `${where}: _input.ids`));
    return (model) => passSteps(model, ids);
  }
  if ([...fingerprints.keys()].some((name) => name.startsWith('prefill.'))) return wideSteps;
  throw new CheckpointError(where, 'it has no prompt, nor single layers', 'use a file of golden/full-size');
}

/** What made it, as it says. */
function producer(json: unknown): Record<string, string> {
  const said = isObject(json) && isObject(json.producer) ? Object.entries(json.producer) : [];
  return Object.fromEntries(
    said.filter((entry): entry is [string, string] => /^[\w.+ -]{1,100}$/.test(String(entry[1]))).slice(0, 20),
  );
}
