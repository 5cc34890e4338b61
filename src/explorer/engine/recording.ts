import { columns } from '../../../kernels/columns.ts';
import { gatherRows } from '../../../kernels/gather-rows.ts';
import type { HostData } from '../../../tensor/device.ts';
import { scope } from '../../../tensor/scope.ts';
import { block } from '../../../tensor/tap.ts';
import { elements, read, type Tensor, tensor } from '../../../tensor/tensor.ts';
import { InputError } from '../../error.ts';
import type { Model } from '../../model/qwen-vl.ts';
import { quote } from '../../quote.ts';
import type { Input } from './cell/sum.ts';
import { type Engine, type Exchange, lastExchange } from './engine.ts';
import { passOf, runPass } from './pass.ts';
import { type Station, stationsOf } from './station.ts';
import { type Statistics, statisticsOf } from './statistics.ts';

/** A tensor on the host, or as much of it as is asked for. */
export interface Values extends Input {
  readonly shape: readonly number[];
  /** Undefined for a weight that is too large to be looked at whole. */
  readonly statistics: Statistics | undefined;
}

/** What the pass of an exchange consists of, and its numbers as they are wanted. */
export interface Recording {
  readonly stations: ReadonlyMap<string, Station>;
  /** Several at once, for one run of the pass has them all. @throws InputError for what is neither a station nor a weight */
  values(...names: string[]): Promise<Values[]>;
}

/** How many elements are read and kept. */
interface Limits {
  /** A pass whose tensors have at most so many together is read at once; of larger ones only what is wanted, again and again. */
  readonly atOnce: number;
  readonly kept: number;
  /** Of a larger weight rows and columns are read. */
  readonly weight: number;
}

const LIMITS: Limits = { atOnce: 2 ** 25, kept: 2 ** 26, weight: 2 ** 22 };

const recordings = new WeakMap<Exchange, Promise<Recording>>();

/** The recording of the last exchange. @throws InputError where there is none */
export function recordingOf(engine: Engine): Promise<Recording> {
  const exchange = lastExchange(engine);
  const before = recordings.get(exchange);
  if (before) return before;
  const made = record(engine.system.model, exchange);
  recordings.set(exchange, made);
  made.catch(() => recordings.delete(exchange)); // it may be asked for again
  return made;
}

/** Finds what the pass consists of; nothing is read yet. */
export async function record(model: Model, { inputs: asked }: Exchange, limits = LIMITS): Promise<Recording> {
  const inputs = { ...asked, tokens: new Int32Array(0) };
  const counts = { images: inputs.images, tokens: inputs.ids.length };
  const pass = stationsOf(await passOf(model, inputs), model.config, counts);
  const stations = new Map(
    pass.flatMap((station) => [station.name, ...station.aliases].map((name) => [name, station])),
  );
  const all = pass.reduce((sum, { shape }) => sum + elements(shape), 0) <= limits.atOnce;
  const { kept, keep } = memory(limits.kept);
  const readPass = async (wanted: ReadonlySet<string>) => {
    const found = new Map<string, Values>();
    const reads: Promise<unknown>[] = [];
    runPass(model, inputs, (index, made) => {
      const { name } = pass[index];
      if (!all && !wanted.has(name)) return;
      reads.push(read(made).then((data) => found.set(name, keep(name, onHost(made.shape, data)))));
    });
    await Promise.all(reads);
    return found;
  };
  return {
    stations,
    async values(...names) {
      const wanted = names.map((name) => stations.get(name)?.name ?? name);
      const missing = new Set(wanted.filter((name) => stations.has(name) && !kept.has(name)));
      const known = new Map(kept); // before what is read now takes its room
      const found = missing.size > 0 ? await readPass(missing) : new Map<string, Values>();
      const valuesOf = async (name: string) => {
        const there = known.get(name) ?? found.get(name);
        if (there) return keep(name, there);
        if (Object.hasOwn(model.weights, name))
          return keep(name, await weightValues(model.weights[name], limits.weight));
        throw new InputError('walk', `${quote(name)} is no station of this pass`, 'choose one of the list');
      };
      const values: Values[] = [];
      for (const name of wanted) values.push(await valuesOf(name));
      return values;
    },
  };
}

/** The last values that were looked at, as many as there is room for. */
function memory(room: number) {
  const kept = new Map<string, Values>();
  const keep = (name: string, values: Values): Values => {
    kept.delete(name);
    kept.set(name, values);
    let size = [...kept.values()].reduce((sum, { shape }) => sum + elements(shape), 0);
    for (const [oldest, { shape }] of kept) {
      if (size <= room || oldest === name) break;
      kept.delete(oldest);
      size -= elements(shape);
    }
    return values;
  };
  return { kept, keep };
}

function onHost(shape: readonly number[], data: HostData): Values {
  const width = shape.at(-1)!;
  const height = data.length / width;
  let statistics: Statistics | undefined;
  return {
    shape,
    get statistics() {
      statistics ??= statisticsOf(data);
      return statistics;
    },
    row: async (index) => data.subarray(index * width, (index + 1) * width),
    column: async (index) => Float32Array.from({ length: height }, (_, row) => data[row * width + index]),
  };
}

/** Of a weight that does not stay on the device the block loads a copy. */
async function weightValues(weight: Tensor, largest: number): Promise<Values> {
  const { shape, device } = weight;
  const readOf = (pick: (there: Tensor) => Tensor) =>
    scope<{ numbers: Promise<HostData> }>(() => block('', weight, (there) => ({ numbers: read(pick(there)) }))).numbers;
  if (elements(shape) <= largest) return onHost(shape, await readOf((there) => there));
  return {
    shape,
    statistics: undefined,
    row: (index) => readOf((there) => gatherRows(there, tensor(device, Int32Array.of(index), [1]))),
    column: (index) => readOf((there) => columns(there, { start: index, width: 1 })),
  };
}
