import { at, words } from './address.ts';
import { attentionScores } from './attention-scores.ts';
import { attentionValues } from './attention-values.ts';
import { QUERIES } from './queries.ts';
import { softmax } from './softmax.ts';
import { func } from './wasm/code.ts';
import { i32 } from './wasm/instructions.ts';

/**
 * `softmax(q·kᵀ / divisor) · v`, the three operations in one: four queries at a time go through all of it, so that
 * their scores stay in the first-level cache, and no matrix of queries × keys is ever written. It calls the kernels of
 * the three, so its results are theirs, byte for byte.
 *
 * Parameters as there; `scratch` is 4 · C float32 that belong to one thread.
 */
export const attention = func(
  'attention',
  {
    q: 'i32',
    k: 'i32',
    v: 'i32',
    span: 'i32',
    y: 'i32',
    scratch: 'i32',
    qRow: 'i32',
    qHead: 'i32',
    kRow: 'i32',
    kHead: 'i32',
    vRow: 'i32',
    vHead: 'i32',
    yRow: 'i32',
    yHead: 'i32',
    N: 'i32',
    d: 'i32',
    C: 'i32',
    divisor: 'f32',
    start: 'i32',
    end: 'i32',
  },
  (code, p) => {
    const { span, N, d, C } = p;
    code.for(p.start, p.end, QUERIES, (start) => {
      const end = code.let(i32.add(start, QUERIES));
      code.if(i32.lt_u(p.end, end), () => code.set(end, p.end));
      // Where the scores of item 0 would lie, if those of `start` are the first of the scratch.
      const scores = code.let(i32.sub(p.scratch, at(0, start, words(C))));
      const { q, k, qRow, qHead, kRow, kHead, divisor } = p;
      code.call(attentionScores, { q, k, span, scores, qRow, qHead, kRow, kHead, N, d, C, divisor, start, end });
      code.call(softmax, { x: scores, span, y: scores, N, C, start, end });
      const { v, y, vRow, vHead, yRow, yHead } = p;
      code.call(attentionValues, { probabilities: scores, v, span, y, vRow, vHead, yRow, yHead, N, d, C, start, end });
    });
  },
);
