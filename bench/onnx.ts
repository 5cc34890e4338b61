/** A model of one matrix product in the format of ONNX, a protocol buffer: just what `y = x · w` needs (onnx.proto, version 8 of the format). */

const encoder = new TextEncoder();

/** 7 bits a byte, the lowest first. */
function varint(value: number): number[] {
  const bytes = [];
  for (; value > 127; value = Math.floor(value / 128)) bytes.push((value % 128) + 128);
  return [...bytes, value];
}

type Part = Uint8Array | readonly number[];
const join = (parts: readonly Part[]): Uint8Array => {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
};

const number = (field: number, value: number): Part => [...varint(field * 8), ...varint(value)];
const bytes = (field: number, content: Uint8Array): Part =>
  join([varint(field * 8 + 2), varint(content.length), content]);
const text = (field: number, content: string): Part => bytes(field, encoder.encode(content));
const message = (field: number, ...parts: Part[]): Part => bytes(field, join(parts));

const FLOAT = 1;

/** ValueInfoProto: a name and the type tensor(float) of a shape. */
function value(field: number, name: string, shape: readonly number[]): Part {
  const dimensions = shape.map((size) => message(1, number(1, size)));
  return message(field, text(1, name), message(2, message(1, number(1, FLOAT), message(2, ...dimensions))));
}

/**
 * @param w `[K, N]`, a part of the model, so that an engine may lay it out as it likes
 * @returns the model's file: input `x` `[M, K]`, output `y` `[M, N]`
 */
export function productModel(M: number, K: number, N: number, w: Float32Array): Uint8Array {
  const weights = message(
    5, // GraphProto.initializer
    number(1, K),
    number(1, N),
    number(2, FLOAT),
    text(8, 'w'),
    bytes(9, new Uint8Array(w.buffer, w.byteOffset, w.byteLength)),
  );
  const node = message(1, text(1, 'x'), text(1, 'w'), text(2, 'y'), text(4, 'MatMul'));
  const graph = message(7, node, text(2, 'product'), weights, value(11, 'x', [M, K]), value(12, 'y', [M, N]));
  const operators = message(8, number(2, 17)); // OperatorSetIdProto.version
  return join([number(1, 8), graph, operators]); // ModelProto.ir_version first
}
