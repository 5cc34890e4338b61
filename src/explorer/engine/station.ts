import type { Sizes } from '../../../tensor/signature.ts';
import type { Config } from '../../architecture/config.ts';
import { type Axis, layoutOf, shapeOf } from '../../verify/layout.ts';
import { placeOf } from '../../verify/place.ts';
import type { PassTensor } from './pass.ts';

/** A tensor of the pass as the page lists it. */
export interface Station {
  /** The activation's; of what has none, the block's path with the operation, `transformer.h.0:siluGate`. */
  readonly name: string;
  /** Whether it is an activation that has a name; anything else is between two, or given by the host. */
  readonly named: boolean;
  /** Other names of the same tensor. */
  readonly aliases: readonly string[];
  readonly part: string;
  readonly group: string;
  /** Ours: rows of the last dimension. */
  readonly shape: readonly number[];
  /** What its axes count, from the outermost to the columns; those of the operation's signature where it has no name. */
  readonly axes: readonly { readonly name: string; readonly size: number }[];
  /** Whose layout the axes are: what words for its rows and cells depend on. */
  readonly layout: string | undefined;
  /** Undefined for what the host gives. */
  readonly made: Made | undefined;
}

/** How an operation made it. */
export interface Made {
  readonly operation: string;
  readonly signature: string;
  readonly sizes: Sizes;
  /** By the signature: the stations, or weights, that it took. */
  readonly inputs: readonly { readonly input: string; readonly from: string }[];
  readonly operations: number;
  readonly bytes: number;
}

/** The tensors of a pass as stations, each in its place of it; weights are none. */
export function stationsOf(
  made: readonly PassTensor[],
  config: Config,
  counts: { readonly images: number; readonly tokens: number },
): Station[] {
  const names = namesOf(made);
  const users = new Map<PassTensor, PassTensor>();
  for (const user of made) {
    for (const input of user.inputs) if (typeof input === 'object' && !users.has(input)) users.set(input, user);
  }
  /** What has no name belongs to its block; outside of blocks, to what it leads to first. */
  const belongsTo = (tensor: PassTensor): string | undefined => {
    const { names, launch } = tensor;
    if (names.length > 0) return names[0];
    if (launch && BLOCK.test(launch.path)) return launch.path;
    const user = users.get(tensor);
    return user ? belongsTo(user) : launch?.path;
  };
  return made.map((tensor): Station => {
    const { shape, launch, inputs } = tensor;
    const layout = (tensor.names.length > 0 ? tensor.names : [belongsTo(tensor)]).find(
      (name) => name !== undefined && fits(name, tensor, config, counts),
    );
    return {
      name: names.get(tensor)!,
      named: tensor.names.length > 0,
      aliases: tensor.names.slice(1),
      ...placeOf(belongsTo(tensor) ?? 'input.'),
      shape,
      axes: layout === undefined ? plainAxes(tensor) : namedAxes(layout, shape, config, counts),
      layout,
      made: launch && {
        operation: launch.op,
        signature: launch.signature.text,
        sizes: launch.sizes,
        inputs: inputs.flatMap((from, i) =>
          from === undefined
            ? []
            : [{ input: launch.signature.inputs[i].name, from: typeof from === 'string' ? from : names.get(from)! }],
        ),
        operations: launch.operations,
        bytes: launch.bytes,
      },
    };
  });
}

/** Paths whose operations belong together. */
const BLOCK = /\.\d+$|\.attn_pool$/;

/** Each once: what would have the same name is counted. */
function namesOf(made: readonly PassTensor[]): ReadonlyMap<PassTensor, string> {
  const plain = (tensor: PassTensor) => {
    const { launch } = tensor;
    if (tensor.names.length > 0) return tensor.names[0];
    return launch ? `${launch.path ? `${launch.path}:` : ''}${launch.op}` : tensor.label;
  };
  const alike = new Map<string, PassTensor[]>();
  for (const tensor of made) alike.set(plain(tensor), [...(alike.get(plain(tensor)) ?? []), tensor]);
  return new Map(
    made.map((tensor) => {
      const name = plain(tensor);
      const same = alike.get(name)!;
      return [tensor, same.length > 1 ? `${name}.${same.indexOf(tensor)}` : name];
    }),
  );
}

type Counts = Parameters<typeof shapeOf>[3];

/** Whether a name's layout is this tensor's: of another name only where the columns are channels, as they are along a block. */
function fits(name: string, { names, shape }: PassTensor, config: Config, counts: Counts): boolean {
  const layout = layoutOf(name);
  if (!layout || shape.length !== 2) return false;
  if (names.length === 0 && layout.ours.at(-1) !== 'channel') return false;
  return shapeOf(name, shape, config, counts).length === layout.axes.length && layout.axes.length > 2;
}

/** As `[image, patch, channel]`, without axes of one that say nothing. */
function namedAxes(name: string, shape: readonly number[], config: Config, counts: Counts): Station['axes'] {
  const { axes, ours } = layoutOf(name)!;
  const sizes = shapeOf(name, shape, config, counts);
  const size = (axis: Axis) => sizes[axes.indexOf(axis)];
  return ours
    .filter((axis) => axis !== 'batch' && !(axis === 'image' && size(axis) === 1))
    .map((axis) => ({ name: axis, size: size(axis) }));
}

function plainAxes({ shape, launch }: PassTensor): Station['axes'] {
  const letters = launch?.signature.output.dimensions?.map(({ text }) => text);
  return shape.map((size, i) => ({ name: letters?.[i] ?? (i === shape.length - 1 ? 'column' : 'row'), size }));
}

/** In the order of a reader: what depends on nothing of the pass, such as a table that was made before it, comes where it is first taken. */
export function inReadingOrder(stations: readonly Station[]): Station[] {
  const names = new Set(stations.map(({ name }) => name));
  const isFirst = ({ made }: Station) => !made?.inputs.some(({ from }) => names.has(from));
  const firsts = new Map(stations.filter(isFirst).map((station) => [station.name, station]));
  const ordered = stations.flatMap((station) => {
    if (isFirst(station)) return [];
    const taken = (station.made?.inputs ?? []).flatMap(({ from }) => firsts.get(from) ?? []);
    for (const { name } of taken) firsts.delete(name);
    return [...taken, station];
  });
  return [...ordered, ...firsts.values()];
}
