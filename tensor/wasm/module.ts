import { type Code, type Context, emit, type Func, type Parameters } from './code.ts';
import { type Bytes, type Constant, section, sized, text, unsigned, vector, written } from './encoding.ts';
import { TYPE_CODES } from './values.ts';

export type { Code, Func, Parameters };

export interface ModuleOptions {
  /** The functions to export under their names; what they call comes along. */
  readonly exports: readonly Func[];
  /** What memory the module imports as `environment.memory`: its limits, and whether threads share it. */
  readonly memory: { readonly pages: number; readonly mostPages: number; readonly shared: boolean };
  /** Whether the engine knows relaxed SIMD. */
  readonly relaxed: boolean;
  /** Whether functions are written for an engine of 2025 or later, by default not: any engine runs either, with the same results. */
  readonly modern?: boolean | undefined;
}

/**
 * The bytes of a module (WebAssembly core specification 2.0, section 5.5): types, one imported memory, functions, the
 * constants of 128 bits as globals, exports, code, and the functions' names for profilers.
 */
export function assemble({ exports, memory, relaxed, modern = false }: ModuleOptions): Uint8Array<ArrayBuffer> {
  const functions = [...exports];
  if (new Set(functions.map(({ name }) => name)).size < functions.length) {
    throw new RangeError(`two exports have one name: ${functions.map(({ name }) => name).join(', ')}`);
  }
  const context: Context = {
    relaxed,
    modern,
    indexOf(callee) {
      const found = functions.indexOf(callee);
      return found >= 0 ? found : functions.push(callee) - 1;
    },
  };
  const constants = tableOfConstants();
  const bodies: Bytes[] = [];
  // Grows while it is walked: a body's calls add functions.
  for (const definition of functions) {
    const { locals, code } = emit(definition, context);
    bodies.push(sized([vector(locals.map((type) => [1, TYPE_CODES[type]])), code, 0x0b], constants.indexOf));
  }

  const type = ({ parameters }: Func): Bytes => [
    0x60,
    vector(Object.values(parameters).map((each) => [TYPE_CODES[each]])),
    0, // no results
  ];
  const limits = [memory.shared ? 3 : 1, unsigned(memory.pages), unsigned(memory.mostPages)];
  const names = vector(functions.map(({ name }, index) => [unsigned(index), text(name)]));
  return written([
    [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0], // "\0asm", version 1
    section(1, vector(functions.map(type))), // a type for each function
    section(2, vector([[text('environment'), text('memory'), 0x02, limits]])),
    section(3, vector(functions.map((_, index) => unsigned(index)))),
    section(6, vector(constants.all().map((lanes) => [TYPE_CODES.v128, 0x00, 0xfd, 0x0c, lanes, 0x0b]))),
    section(7, vector(exports.map(({ name }, index) => [text(name), 0x00, unsigned(index)]))),
    section(10, vector(bodies)),
    section(0, [text('name'), 1, sized(names)]),
  ]);
}

/** Each constant once, in the order in which functions first use them. */
function tableOfConstants() {
  const indices = new Map<string, number>();
  const table: Uint8Array[] = [];
  return {
    all: (): readonly Uint8Array[] => table,
    indexOf({ lanes }: Constant): number {
      const bytes = written(lanes);
      const key = bytes.join();
      const index = indices.get(key) ?? table.push(bytes) - 1;
      indices.set(key, index);
      return index;
    },
  };
}
