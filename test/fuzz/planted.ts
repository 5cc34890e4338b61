/** Targets that are broken on purpose: whoever would not catch them catches nothing. */
import { InputError } from '../../src/error.ts';
import type { Target } from './target.ts';

const planted = (bad: () => unknown): Target => ({
  make: (random) => random.pick(['good', 'refused', 'bad']),
  run(input) {
    if (input === 'refused') throw new InputError('case', 'refused', 'as it should be');
    return input === 'bad' ? bad() : undefined;
  },
});

export const held: unknown[] = [];

export const targets: Readonly<Record<string, Target>> = {
  'type-error': planted(() => {
    throw new TypeError('cannot read properties of undefined');
  }),
  rejection: planted(() => Promise.reject(new RangeError('out of range'))),
  'loose-rejection': planted(() => {
    Promise.reject(new RangeError('nobody waits for it'));
    return new Promise((resolve) => setTimeout(resolve, 20));
  }),
  'two-lines': planted(() => {
    throw new InputError('case', 'one line\nand another', 'write one');
  }),
  hang: planted(() => {
    for (;;);
  }),
  buffers: planted(() => new Uint8Array(300 * 2 ** 20)),
  'webassembly-memory': planted(() => new WebAssembly.Memory({ initial: 5000 })),
  heap: planted(() => {
    for (;;) held.push(new Array(2 ** 20).fill(0.5));
  }),
};
