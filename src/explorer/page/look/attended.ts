import { call } from '../engine.ts';
import { numberIn } from '../parts/choice.tsx';
import { type Called, useCalled } from '../parts/use-called.ts';
import type { Looking } from './looking.ts';
import { difference, meanOr, readBy } from './maps.ts';
import { adapterHead, against, block, blockHead, head, layer, pictureNumber } from './state.ts';
import { chosenToken } from './tokens.tsx';

/** A picture that is looked at: the first by default. */
export const chosenPicture = ({ pictures }: Looking): number => numberIn(pictureNumber.value, pictures.length) ?? 0;

/** What the chosen token read, and what the one that is taken off did: `[keys]`, by the chosen block and head of the decoder. */
export function useReadings(looking: Looking): Called<readonly Float32Array[]> {
  const { decoder } = looking.model;
  const minus = numberIn(against.value, looking.answer.length);
  const wanted = [chosenToken(looking), ...(minus === undefined ? [] : [minus])];
  const { result, ...rest } = useCalled(`${looking.number}: ${wanted}`, async (signal) => {
    const options = { signal };
    return Promise.all(wanted.map((token) => call('attention', { token }, options)));
  });
  const which = { layer: numberIn(layer.value, decoder.layers), head: numberIn(head.value, decoder.heads) };
  return { ...rest, result: result?.map((each) => readBy(each, decoder, which)) };
}

/** Whether another token is taken off. */
export const subtracted = ({ answer }: Looking): boolean => numberIn(against.value, answer.length) !== undefined;

/** The first reading, or what it has more than the second. */
export const held = ([first, second]: readonly Float32Array[]): Float32Array =>
  second ? difference(first, second) : first;

/** Which patches the adapter's rows read in a picture: `[Q, L]`, by the chosen head. */
export function adapterRows({ pictures, model }: Looking, picture: number): Float32Array {
  const { adapter } = pictures[picture];
  const size = model.queries ** 2 * model.grid ** 2;
  return meanOr(adapter, size, numberIn(adapterHead.value, adapter.length / size));
}

/** How many heads the adapter has. */
export const adapterHeads = ({ pictures: [{ adapter }], model }: Looking): number =>
  adapter.length / (model.queries ** 2 * model.grid ** 2);

/**
 * Which patches every patch read, `[L, L]`, in the chosen block of the vision encoder, by the chosen head.
 *
 * @param usual the block where none is chosen; undefined: then there is nothing
 */
export function useEncoderRows(looking: Looking, picture: number, usual?: number): Called<Float32Array> {
  const { vision, grid } = looking.model;
  const layer = numberIn(block.value, vision.layers) ?? usual;
  const key = layer === undefined ? undefined : `${looking.number}: ${picture} ${layer}`;
  const { result, ...rest } = useCalled(key, (signal) =>
    call('encoderAttention', { picture, layer: layer! }, { signal }),
  );
  const rows =
    key === undefined || !result ? undefined : meanOr(result, grid ** 4, numberIn(blockHead.value, vision.heads));
  return { ...rest, result: rows };
}
