import type { Recipe } from '../../tensor/simd/recipe.ts';
import { func } from '../../tensor/wasm/code.ts';
import { i32 } from '../../tensor/wasm/instructions.ts';
import { at, words } from './address.ts';
import { attentionScores } from './attention-scores.ts';
import { attentionValues } from './attention-values.ts';
import { headsApart, headsWithin, splitHeads } from './heads.ts';
import { QUERIES } from './queries.ts';
import { softmax } from './softmax.ts';

/** Each chunk has room for the scores of four queries. */
const MOST_CHUNKS = 64;

/** Where each key is for so many queries, a head's keys and values are copied together: that takes a tenth of these queries' time, and saves more. */
const WORTH_COPYING = 32;

/**
 * `softmax(q·kᵀ / divisor) · v`, the three operations in one: four queries at a time go through all of it, so that
 * their scores stay in the first-level cache, and no matrix of queries × keys is ever written. It calls the kernels of
 * the three, so its results are theirs, byte for byte.
 *
 * Parameters as there, but that a unit is a chunk of `chunk` items, a multiple of 4, of the H · N: each has 4 · C float32
 * of `scratch` to itself, whichever thread takes it.
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
    H: 'i32',
    chunk: 'i32',
    divisor: 'f32',
    start: 'i32',
    end: 'i32',
  },
  (code, p) => {
    const { span, N, d, C, chunk } = p;
    const items = code.let(i32.mul(p.H, N));
    const last = code.let(i32.mul(p.end, chunk));
    code.if(i32.lt_u(items, last), () => code.set(last, items));
    code.for(i32.mul(p.start, chunk), last, QUERIES, (start) => {
      const end = code.let(i32.add(start, QUERIES));
      code.if(i32.lt_u(last, end), () => code.set(end, last));
      const scratch = at(p.scratch, i32.div_u(start, chunk), words(i32.mul(C, QUERIES)));
      // Where the scores of item 0 would lie, if those of `start` are the first of the scratch.
      const scores = code.let(i32.sub(scratch, at(0, start, words(C))));
      const { q, k, qRow, qHead, kRow, kHead, divisor } = p;
      code.call(attentionScores, { q, k, span, scores, qRow, qHead, kRow, kHead, N, d, C, divisor, start, end });
      code.call(softmax, { x: scores, span, y: scores, N, C, start, end });
      const { v, y, vRow, vHead, yRow, yHead } = p;
      code.call(attentionValues, { probabilities: scores, v, span, y, vRow, vHead, yRow, yHead, N, d, C, start, end });
    });
  },
);

export const recipes: readonly Recipe[] = [
  {
    op: 'attention',
    kernels: [attention, splitHeads],
    run(host, [q, k, v, span], { N, M, H, d, C, divisor }, y) {
      // Chunks are as many that every thread finds work, and as few that their scores stay in the caches.
      const chunk = QUERIES * Math.ceil((H * N) / (QUERIES * MOST_CHUNKS));
      const chunks = Math.ceil((H * N) / chunk);
      const scratch = host.temporary(4 * QUERIES * C * chunks);
      const [queries, results] = [q, y].map((each) => headsWithin(each, { H, d }));
      const copied = N * C >= WORTH_COPYING * M;
      const [keys, values] = [k, v].map((each) =>
        copied ? headsApart(host, each, { M, H, d }) : headsWithin(each, { H, d }),
      );
      const places = { q: queries.at, k: keys.at, v: values.at, span: span.at, y: results.at, scratch };
      const rows = { qRow: queries.row, kRow: keys.row, vRow: values.row, yRow: results.row };
      const heads = { qHead: queries.head, kHead: keys.head, vHead: values.head, yHead: results.head };
      host.run(attention, { ...places, ...rows, ...heads, N, d, C, H, chunk, divisor }, chunks, 4 * H * N * C * d);
    },
  },
];
