import { attentionScoresOp, attentionValuesOp } from '../../../kernels/attention-products.ts';
import { softmaxOp } from '../../../kernels/softmax.ts';
import { roundToBfloat16, widenBfloat16 } from '../../../tensor/dtype.ts';
import type { Matrix, Op, Thread } from '../../../tensor/op.ts';
import { parseSignature, type Sizes } from '../../../tensor/signature.ts';

/** A tensor of the oracle. What the host uploads is kept as it is too: rotary reads its tables in float32. */
export interface Stored {
  readonly rounded: unknown;
  /** The same storage where there was nothing to round. */
  readonly exact: unknown;
  /** The operation that made it, unless it was uploaded. */
  readonly madeBy: string | undefined;
}

/** Values rounded to the nearest bfloat16, ties to even, in float32; too large becomes infinite. */
export const nearestBfloat16 = (values: Float32Array): Float32Array => widenBfloat16(roundToBfloat16(values));

/** Runs an operation and rounds its result. */
export type Rounded = (op: Op, inputs: readonly unknown[], sizes: Sizes, shape: readonly number[]) => Promise<unknown>;

/** An operation that was launched. */
export interface Call {
  readonly op: Op;
  readonly inputs: readonly (Stored | undefined)[];
  readonly sizes: Sizes;
  readonly shape: readonly number[];
}

/** Computes an operation as the original does in bfloat16: in as many steps as it rounds. */
export type Rule = (call: Call, round: Rounded) => Promise<unknown>;

/**
 * One rounding, of the result: the rule of all operations that have none of their own. PyTorch sums in float32, and a linear
 * layer with its bias, a LayerNorm, a softmax or a GELU is one kernel. (So it is on a GPU. On a CPU PyTorch 1.13 rounds within
 * LayerNorm and SiLU too, and sums products of fewer than 4,096 multiplications in bfloat16.)
 */
export const atTheEnd: Rule = ({ op, inputs, sizes, shape }, round) =>
  round(
    op,
    inputs.map((input) => input?.rounded),
    sizes,
    shape,
  );

/**
 * The decoder rounds its scores, then their quotient by √d, which it keeps as a bfloat16. The adapter's attention is PyTorch's
 * own module, which divides the queries.
 */
const attentionScores: Rule = async (call, round) => {
  const { op, inputs, sizes, shape } = call;
  const [q, k, span] = inputs.map((input) => input?.rounded);
  const { N, H, d, C } = sizes;
  const divisor = nearest(sizes.divisor);
  const product = { ...sizes, divisor: 1 };
  if (divisor === 1) return atTheEnd(call, round);
  if (isDecoders(inputs[0])) {
    const scores = await round(op, [q, k, span], product, shape);
    return round(quotient, [scores], { N: H * N, D: C, divisor }, shape);
  }
  const scaled = await round(quotient, [q], { N, D: H * d, divisor }, [N, H * d]);
  return round(op, [scaled, k, span], product, shape);
};

/** The operations that round on the way, or read something in float32. */
export const ROUNDING_RULES: Readonly<Record<string, Rule>> = {
  // Quirk: the original computes RMSNorm in float32 and rounds what it has normalised before the weight is applied.
  async rmsNorm({ op, inputs, sizes, shape }, round) {
    const [x, weight] = inputs;
    const normalised = await round(weightless(op), [x?.rounded], sizes, shape);
    return round(multiply, [normalised, weight?.rounded], { ...sizes, M: 1 }, shape);
  },

  async siluGate({ op, inputs, sizes, shape }, round) {
    const [x, gate] = inputs;
    const activated = await round(alone(op), [gate?.rounded], sizes, shape);
    return round(multiply, [x?.rounded, activated], { ...sizes, M: sizes.N }, shape);
  },

  // Computed in float32, from tables in float32.
  rotary: ({ op, inputs: [cos, sin, x], sizes, shape }, round) =>
    round(op, [cos?.exact, sin?.exact, x?.rounded], sizes, shape),

  // The encoder's queries over √d. A number beside a tensor is rounded as on a CPU; on a GPU it stays in float32.
  divide: (call, round) => atTheEnd({ ...call, sizes: { ...call.sizes, divisor: nearest(call.sizes.divisor) } }, round),

  attentionScores,

  // Three steps in one, each rounded as it is alone.
  async attention({ inputs: [q, k, v, span], sizes, shape }, round) {
    const table = [sizes.H * sizes.N, sizes.C];
    const scores = await attentionScores({ op: attentionScoresOp, inputs: [q, k, span], sizes, shape: table }, round);
    const probabilities = await round(softmaxOp, [span?.rounded, scores], sizes, table);
    return round(attentionValuesOp, [span?.rounded, probabilities, v?.rounded], sizes, shape);
  },
};

/** RMSNorm without its weight: `x / √(mean(x²) + eps)`. */
const weightless = (op: Op): Op => ({
  ...op,
  kernels: (run, [x], sizes) => op.kernels(run, [x, run(one, [1, sizes.D])], sizes),
});

/** The gate without what it lets through: `silu(gate)`. */
const alone = (op: Op): Op => ({
  ...op,
  kernels: (run, [gate], sizes) => op.kernels(run, [run(one, [sizes.N, sizes.D]), gate], sizes),
});

/** Only the decoder turns its queries. */
const isDecoders = (q: Stored | undefined): boolean => q?.madeBy === 'rotary' || q?.madeBy === 'scaleRows';

const nearest = (value: number): number => nearestBfloat16(Float32Array.of(value))[0];

const multiply: Op = {
  name: 'multiply',
  signature: parseSignature('x[N,D], factor[M,D] -> y[N,D]'),
  cost: ({ N, D }) => ({ operations: N * D }),
  kernels: (run, [x, factor], { N, D, M }) => run(multiplied, [N, D], x, factor, M),
};

const quotient: Op = {
  name: 'quotient',
  signature: parseSignature('x[N,D] -> y[N,D]'),
  cost: ({ N, D }) => ({ operations: N * D }),
  kernels: (run, [x], { N, D, divisor }) => run(divided, [N, D], x, divisor),
};

/** The rows of the factor repeat. */
const multiplied = function (this: Thread, x: Matrix, factor: Matrix, M: number) {
  return x[this.thread.y][this.thread.x] * factor[this.thread.y % M][this.thread.x];
};

const divided = function (this: Thread, x: Matrix, divisor: number) {
  return x[this.thread.y][this.thread.x] / divisor;
};

const one = function (this: Thread) {
  return 1;
};
