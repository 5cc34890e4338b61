import { ADAPTER_HEAD_SIZE, type Config, patchGrid } from '../architecture/config.ts';
import { quote } from '../quote.ts';
import { type Axis, layoutOf } from './layout.ts';

/** What turns an index into words. */
export interface Terms {
  readonly config: Config;
  /** The token ids of the prompt. */
  readonly ids: Int32Array;
  /** The text of a token id, where there is a tokenizer. */
  readonly text?: ((id: number) => string) | undefined;
}

/**
 * Says where in an activation an element stands, in the model's terms: `image 0, patch row 3 column 5, head 1 key channel 4`.
 * Everything is counted from 0.
 *
 * @param shape the golden's, with its batch axes
 * @param index row-major
 */
export function describeElement(name: string, shape: readonly number[], index: number, terms?: Terms): string {
  const at: number[] = [];
  let rest = index;
  for (const size of [...shape].reverse()) {
    at.unshift(rest % size);
    rest = Math.floor(rest / size);
  }
  return describeAxes(name, shape, at, terms) ?? `[${at.join(', ')}]`;
}

/**
 * Says which row one of ours is, without its last axis: `patch row 3 column 5`; its number where the name says nothing of rows.
 *
 * @param shape the golden's, with its batch axes
 * @param row counted through all axes but the last, in our order
 */
export function describeRow(name: string, shape: readonly number[], row: number, terms?: Terms): string {
  const { axes, ours } = layoutOf(name) ?? { axes: [], ours: [] };
  if (axes.length !== shape.length) return `row ${row}`;
  const at = new Array<number>(axes.length).fill(0);
  let rest = row;
  for (const axis of ours.slice(0, -1).reverse()) {
    const i = axes.indexOf(axis);
    at[i] = rest % shape[i];
    rest = Math.floor(rest / shape[i]);
  }
  return describeAxes(name, shape, at, terms, (axis) => axis !== ours.at(-1)) || `row ${row}`;
}

/** The same of our last axis: `head 1 key channel 4`. */
export function describeColumn(name: string, shape: readonly number[], column: number, terms?: Terms): string {
  const { axes, ours } = layoutOf(name) ?? { axes: [], ours: [] };
  const last = ours.at(-1);
  const at = axes.map((axis) => (axis === last ? column : 0));
  return describeAxes(name, shape, at, terms, (axis) => axis === last) || `column ${column}`;
}

/** @param wanted which axes are told. @returns undefined where the axes are not known */
function describeAxes(
  name: string,
  shape: readonly number[],
  at: readonly number[],
  terms?: Terms,
  wanted: (axis: Axis) => boolean = () => true,
): string | undefined {
  const axes = layoutOf(name)?.axes;
  if (!axes || axes.length !== shape.length) return undefined;
  const words = axes.map((axis, i) =>
    !wanted(axis) || axis === 'batch' || (shape[i] === 1 && axis === 'head')
      ? ''
      : describeAxis(axis, at[i], name, shape[i], terms),
  );
  return words.filter((word) => word !== '').join(', ');
}

function describeAxis(axis: Axis, i: number, name: string, size: number, terms: Terms | undefined): string {
  switch (axis) {
    case 'row':
      return `patch row ${i}`;
    case 'patch':
      return patchWords('patch', i, terms);
    case 'key':
      return name.startsWith('transformer.visual')
        ? patchWords('key patch', i, terms)
        : tokenWords('key token', i, terms);
    case 'token':
      return name.startsWith('decode.') ? '' : tokenWords('token', i, terms);
    case 'entry':
      return entryWords(i, terms);
    case 'channel':
      return channelWords(i, name, size, terms);
    default:
      return `${axis} ${i}`;
  }
}

function patchWords(word: string, i: number, terms: Terms | undefined): string {
  if (!terms) return `${word} ${i}`;
  const grid = patchGrid(terms.config.visual);
  return `${word} row ${Math.floor(i / grid)} column ${i % grid}`;
}

function tokenWords(word: string, i: number, terms: Terms | undefined): string {
  const id = terms?.ids[i];
  return id === undefined || !terms?.text ? `${word} ${i}` : `${word} ${i} ${quote(terms.text(id))}`;
}

function entryWords(id: number, terms: Terms | undefined): string {
  return terms?.text ? `id ${id} ${quote(terms.text(id))}` : `id ${id}`;
}

const PARTS = ['query', 'key', 'value'];

/** A channel of the joint projections belongs to a query, key or value of a head. */
function channelWords(i: number, name: string, size: number, terms: Terms | undefined): string {
  const plain = `channel ${i}`;
  if (!terms) return plain;
  const { config } = terms;
  if (name.endsWith('.attn.in_proj')) {
    const d = size / 3 / config.visual.heads; // Quirk: per head, its query, key and value side by side
    return `head ${Math.floor(i / (3 * d))} ${PARTS[Math.floor(i / d) % 3]} channel ${i % d}`;
  }
  if (name.endsWith('.attn.c_attn')) {
    const d = config.kv_channels;
    return `head ${Math.floor((i % (size / 3)) / d)} ${PARTS[Math.floor(i / (size / 3))]} channel ${i % d}`;
  }
  if (/\.attn\.(q_\w+|k_\w+|values|q)$/.test(name)) {
    const d = headSize(name, config);
    return `head ${Math.floor(i / d)} channel ${i % d}`;
  }
  return plain;
}

function headSize(name: string, { visual, kv_channels }: Config): number {
  if (name.startsWith('transformer.h.')) return kv_channels;
  return name.startsWith('transformer.visual.attn_pool') ? ADAPTER_HEAD_SIZE : visual.width / visual.heads;
}
