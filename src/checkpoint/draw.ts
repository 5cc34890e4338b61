import { createTeam, type Team } from '../../kernels/simd/device/team.ts';
import { DRAWN_AT_ONCE, draw } from '../../kernels/simd/draw.ts';
import { features } from '../../kernels/simd/wasm/features.ts';
import { assemble } from '../../kernels/simd/wasm/module.ts';
import type { WeightType } from '../../kernels/simd/weights.ts';

/** Elements drawn at a time, in 64 MiB; from there they are copied to where they are wanted. */
const CHUNK = 2 ** 24;
const PAGE = 65_536;
/** Where a chunk begins: offset 0 is nowhere to kernels. */
const AT = 64;
const MOST_THREADS = 4;
/** For each element. */
const OPERATIONS = 8;
const GOLDEN_RATIO = 0x9e3779b1;

interface Drawer {
  readonly memory: WebAssembly.Memory;
  readonly team: Team;
}

/** One for all: its threads sleep between two weights, and do not keep a program from ending. */
let drawer: Promise<Drawer> | undefined;

/** Whether this engine has what it takes: SIMD, and memory that threads share. */
export const canDraw = (): boolean => typeof SharedArrayBuffer !== 'undefined' && features().simd;

/**
 * `count` elements `scale · b`, b the signed top byte of the hash of the index with this seed: see procedural.ts. On all threads,
 * at about the speed of memory, so that there is next to nothing left to overlap with the arithmetic on these weights.
 *
 * @param scale a power of two
 */
export async function drawElements(seed: number, count: number, scale: number, type: WeightType) {
  drawer ??= createDrawer();
  const { memory, team } = await drawer;
  const out = type === 'float32' ? new Float32Array(count) : new Uint16Array(count);
  for (let first = 0; first < count; first += CHUNK) {
    const length = Math.min(CHUNK, count - first);
    const from = (seed + Math.imul(first, GOLDEN_RATIO)) | 0;
    team.run(
      draw[type].name,
      [AT, from, scale],
      Math.ceil(length / DRAWN_AT_ONCE),
      OPERATIONS * length,
      'drawing weights',
    );
    team.flush();
    const View = type === 'float32' ? Float32Array : Uint16Array;
    out.set(new View(memory.buffer, AT, length), first);
  }
  return out;
}

async function createDrawer(): Promise<Drawer> {
  const pages = Math.ceil((AT + 4 * CHUNK) / PAGE);
  const exports = Object.values(draw);
  const module = new WebAssembly.Module(
    assemble({ exports, memory: { pages, mostPages: pages, shared: true }, relaxed: false }),
  );
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
  const threads = Math.min(MOST_THREADS, globalThis.navigator?.hardwareConcurrency ?? 2);
  const names = exports.map(({ name }) => name);
  return { memory, team: await createTeam(module, memory, names, threads) };
}
