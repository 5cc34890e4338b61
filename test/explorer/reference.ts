import { openCheckpoint, openConfig } from '../../src/checkpoint/folder.ts';
import { SHIPPED } from '../../src/explorer/beside.ts';
import { modelOn } from '../../src/generate/model-on.ts';
import { freeModel } from '../../src/model/qwen-vl.ts';
import { openDevice } from '../../src/open-device.ts';
import { capture } from '../../src/verify/capture.ts';
import type { Golden, GoldenInputs } from '../../src/verify/golden.ts';
import { closeDevice } from '../../tensor/device.ts';
import { read } from '../../tensor/tensor.ts';
import { goldenAnswer } from '../answers.ts';
import { CASES, openCase } from '../golden/cases.ts';

/** The shipped model under Node, and the golden that asks about scene-1.png what is in the picture: what the page is compared with. */
export interface Reference {
  readonly golden: Golden;
  /** All taps of these inputs whose names fit. */
  taps(inputs: GoldenInputs, wanted: RegExp): Promise<ReadonlyMap<string, Float32Array>>;
  close(): Promise<void>;
}

export async function openReference(): Promise<Reference> {
  const opened = await openCase(CASES.find(({ name }) => name === 'picture-book describe')!);
  const { device } = await openDevice('simd', 1);
  const checkpoint = await openCheckpoint(SHIPPED.model);
  const model = modelOn(device, checkpoint);
  return {
    golden: opened.golden,
    async taps(inputs, wanted) {
      const heard = new Map<string, Promise<ArrayLike<number>>>();
      const take = (name: string, tap: Parameters<typeof read>[0]) => {
        if (wanted.test(name)) heard.set(name, read(tap));
      };
      capture(model, inputs, { take });
      const found = await Promise.all([...heard].map(async ([name, values]) => [name, await values] as const));
      return new Map(found.map(([name, values]) => [name, Float32Array.from(values)]));
    },
    async close() {
      freeModel(model);
      await device.queue.idle();
      await closeDevice(device);
      await checkpoint.close();
      await opened.close();
    },
  };
}

/** The golden's answer, its last token the one that ends it. */
export const ANSWER = Int32Array.from(goldenAnswer('describe').token_ids);

const { vocab_size: VOCABULARY, visual } = await openConfig(SHIPPED.model);

export { VOCABULARY };
/** Begins the rows of a picture. */
export const IMAGE_START = visual.image_start_id;

/** The log-probability of a token under a row of scores, in float64. */
export function logProbability(scores: Float32Array, token: number): number {
  const most = scores.reduce((a, b) => Math.max(a, b));
  return scores[token] - most - Math.log(scores.reduce((sum, score) => sum + Math.exp(score - most), 0));
}
