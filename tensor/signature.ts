import { ShapeError } from './error.ts';

/** Sizes by name: the letters that a signature bound, and the operation's attributes. */
export type Sizes = Readonly<Record<string, number>>;

/** One dimension: a whole factor times letters, such as `3*D` or `H*d`. */
interface Dimension {
  readonly text: string;
  readonly factor: number;
  readonly letters: readonly string[];
}

interface Parameter {
  readonly name: string;
  /** Undefined where the shape may be any, the same wherever a signature says so. */
  readonly dimensions: readonly Dimension[] | undefined;
  readonly dtype: 'float32' | 'int32';
  readonly optional: boolean;
}

export interface Signature {
  readonly text: string;
  readonly inputs: readonly Parameter[];
  readonly output: Parameter;
}

interface Shaped {
  readonly shape: readonly number[];
  readonly dtype: string;
}

/**
 * Parses an executable signature such as `x[N,K], w[M,K], b[M]? -> y[N,M]`.
 *
 * A dimension is a product of whole numbers and letters (`3*D`, `H*d`); `?` marks an input that may be left out, `:i32`
 * one of dtype int32; `[...]` is any shape, the same wherever it stands, of which `rows` and `columns` tell the size of the last
 * dimension and of all others together. That is the whole grammar: a letter takes its size from the first input that shows it, or from
 * an attribute of that name.
 */
export function parseSignature(text: string): Signature {
  const [left, right, ...rest] = text.split('->');
  if (right === undefined || rest.length > 0) throw new SyntaxError(`signature "${text}": expected one "->"`);
  const inputs = left.trim() === '' ? [] : left.split(/,(?![^[]*\])/).map(parameter); // at the commas outside brackets
  return { text, inputs, output: parameter(right) };
}

function parameter(text: string): Parameter {
  const match = /^\s*(\w+)\[([^\]]*)\](:i32)?(\?)?\s*$/.exec(text);
  if (!match) throw new SyntaxError(`signature: cannot read "${text}", expected something like x[N,3*D]`);
  const common = {
    name: match[1],
    dtype: match[3] ? ('int32' as const) : ('float32' as const),
    optional: match[4] === '?',
  };
  if (match[2].trim() === '...') return { ...common, dimensions: undefined };
  const dimensions = match[2].split(',').map((dimension): Dimension => {
    const factors = dimension.trim().split('*');
    const letters = factors.filter((factor) => /^[A-Za-z]\w*$/.test(factor));
    const numbers = factors.filter((factor) => /^\d+$/.test(factor)).map(Number);
    if (letters.length + numbers.length !== factors.length) {
      throw new SyntaxError(`signature: cannot read the dimension "${dimension}" of "${text}"`);
    }
    return { text: dimension.trim(), factor: numbers.reduce((a, b) => a * b, 1), letters };
  });
  return { ...common, dimensions };
}

/**
 * Checks the inputs of operation `op` against its signature.
 *
 * @returns every letter's size (attributes included) and the output's shape
 * @throws ShapeError naming the operation, the tensor, and both shapes
 */
export function bind(
  op: string,
  signature: Signature,
  inputs: readonly (Shaped | undefined)[],
  attributes: Sizes,
): { sizes: Sizes; shape: number[] } {
  const sizes: Record<string, number> = { ...attributes };
  let whole: readonly number[] | undefined;
  if (inputs.length > signature.inputs.length) {
    throw new ShapeError(`${op}: ${inputs.length} inputs, expected ${signature.inputs.length} of ${signature.text}`);
  }
  for (const [index, wanted] of signature.inputs.entries()) {
    const found = inputs[index];
    if (found === undefined) {
      if (wanted.optional) continue;
      throw new ShapeError(`${op}: ${wanted.name} is missing, expected ${signature.text}`);
    }
    if (found.dtype !== wanted.dtype) {
      throw new ShapeError(`${op}: ${wanted.name} is ${found.dtype}, expected ${wanted.dtype}`);
    }
    const { dimensions } = wanted;
    if (dimensions === undefined) whole ??= found.shape;
    const fits = dimensions
      ? found.shape.length === dimensions.length &&
        dimensions.every((dimension, axis) => matches(dimension, found.shape[axis], sizes))
      : found.shape.length === whole!.length && found.shape.every((size, axis) => size === whole![axis]);
    if (!fits) {
      const letters = dimensions ? dimensions.map((dimension) => dimension.text).join(',') : '...';
      const numbers = dimensions
        ? dimensions.map((dimension) => product(dimension, sizes) ?? '?').join(',')
        : whole!.join(',');
      const seen = signature.inputs.slice(0, index).flatMap(({ name }, i) => {
        const before = inputs[i];
        return before ? [`${name} [${before.shape.join(',')}]`] : [];
      });
      const from = seen.length > 0 ? ` from ${seen.join(', ')}` : '';
      throw new ShapeError(
        `${op}: ${wanted.name} is [${found.shape.join(',')}], expected [${letters}] = [${numbers}]${from}`,
      );
    }
  }
  if (whole) {
    sizes.columns = whole.at(-1)!;
    sizes.rows = whole.reduce((a, b) => a * b) / sizes.columns;
  }
  if (signature.output.dimensions === undefined) {
    if (!whole) throw new ShapeError(`${op}: nothing says what shape ${signature.output.name} has`);
    return { sizes, shape: [...whole] };
  }
  const shape = signature.output.dimensions.map((dimension) => {
    const size = product(dimension, sizes);
    if (size === undefined) throw new ShapeError(`${op}: nothing says how large ${dimension.text} is`);
    if (!(Number.isSafeInteger(size) && size > 0)) {
      throw new ShapeError(`${op}: the output's ${dimension.text} is ${size}, expected a positive whole number`);
    }
    return size;
  });
  return { sizes, shape };
}

function product(dimension: Dimension, sizes: Sizes): number | undefined {
  let size = dimension.factor;
  for (const letter of dimension.letters) {
    if (sizes[letter] === undefined) return undefined;
    size *= sizes[letter];
  }
  return size;
}

/** Whether a dimension can have this size. The one letter that has none yet takes what remains. */
function matches({ factor, letters }: Dimension, size: number, sizes: Record<string, number>): boolean {
  let known = factor;
  let unknown: string | undefined;
  for (const letter of letters) {
    const value = sizes[letter];
    if (value !== undefined) known *= value;
    else if (unknown === undefined) unknown = letter;
    else return false;
  }
  if (unknown === undefined) return known === size;
  if (known === 0 || size % known !== 0) return false;
  sizes[unknown] = size / known;
  return true;
}
