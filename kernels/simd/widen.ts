import { func } from '../../tensor/wasm/code.ts';
import { i32, v128 } from '../../tensor/wasm/instructions.ts';
import { at, WORD } from './address.ts';
import { loadWeights, WEIGHT_BYTES } from './weight-types.ts';

/** Two vectors in a turn of the loop: with one a product loses a hundredth. */
const AT_ONCE = 8;

/** `count` neighbouring weights of 16 bits to float32. */
export const widen = { bfloat16: widening('bfloat16', 'widen'), float16: widening('float16', 'widen_float16') };

function widening(type: 'bfloat16' | 'float16', name: string) {
  return func(name, { from: 'i32', to: 'i32', count: 'i32' }, (code, { from, to, count }) => {
    const bytes = WEIGHT_BYTES[type];
    const whole = code.let(at(to, i32.and(count, -AT_ONCE)));
    const end = code.let(at(to, count));
    code.for(to, whole, AT_ONCE * WORD, (element) => {
      for (let i = 0; i < AT_ONCE; i += 4) code.run(v128.store(element, loadWeights(type, from, i), i * WORD));
      code.set(from, i32.add(from, AT_ONCE * bytes));
    });
    code.for(whole, end, WORD, (element) => {
      if (type === 'bfloat16') code.run(i32.store(element, i32.shl(i32.load16_u(from), 16)));
      else code.run(v128.store32_lane(element, loadWeights(type, from, 0), 0)); // reads three that follow
      code.set(from, i32.add(from, bytes));
    });
  });
}

/** The same as kernels: the elements from `start` to `end`. */
export const widenRange = {
  bfloat16: ranging('bfloat16', 'widenRange'),
  float16: ranging('float16', 'widenRange_float16'),
};

function ranging(type: 'bfloat16' | 'float16', name: string) {
  return func(name, { from: 'i32', to: 'i32', start: 'i32', end: 'i32' }, (code, { from, to, start, end }) =>
    code.call(widen[type], {
      from: at(from, start, WEIGHT_BYTES[type]),
      to: at(to, start),
      count: i32.sub(end, start),
    }),
  );
}
