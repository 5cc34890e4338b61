import * as acorn from 'acorn';
import type { Driver } from '../../tensor/device.ts';
import type { Handle, Kernel, Op, Run } from '../../tensor/op.ts';
import type { Sizes } from '../../tensor/signature.ts';

type Rows = number[][];
type Count = <Value>(value: Value) => Value;

/**
 * A driver that runs kernels as the JavaScript they are, and counts: every `+ − · /` and every function of `Math` whose
 * value depends on an element of a float32 input (index and loop arithmetic, comparisons and signs do not count), and every
 * element of an operation's inputs that is read, once however often, and of its output.
 */
export function countingDriver(): Driver & { counted: number; moved: number; sizes: Sizes } {
  const driver = {
    counted: 0,
    moved: 0,
    /** Of the last operation. */
    sizes: {} as Sizes,
    name: 'counting',
    description: 'counts operations',
    async upload(load: Parameters<Driver['upload']>[0], shape: readonly number[]): Promise<Rows> {
      const data = Array.from(await load());
      const columns = shape.at(-1)!;
      return Array.from({ length: data.length / columns }, (_, row) => data.slice(row * columns, (row + 1) * columns));
    },
    run(op: Op, inputs: readonly unknown[], sizes: Sizes): unknown {
      driver.sizes = sizes;
      const count: Count = (value) => {
        driver.counted++;
        return value;
      };
      const indices = op.signature.inputs.filter(({ dtype }) => dtype === 'int32').map(({ name }) => name);
      const run: Run = (kernel, [rows, columns], ...given) => {
        const counting = instrument(kernel, indices, count);
        const element = (y: number, x: number) => counting.call({ thread: { x, y } }, ...given);
        const result = Array.from({ length: rows }, (_, y) => Array.from({ length: columns }, (_, x) => element(y, x)));
        return result as unknown as Handle; // this driver's storages are rows of numbers
      };
      const noted = (inputs as (Rows | undefined)[]).map((rows) => rows && noting(rows, () => driver.moved++));
      const result = op.kernels(run, noted as unknown as Handle[], sizes) as unknown as Rows;
      driver.moved += result.length * result[0].length;
      return result;
    },
    read: () => new Float32Array(),
    free: () => undefined,
    close: () => undefined,
  };
  return driver;
}

/** The same rows; whoever reads an element for the first time is noted. */
function noting(rows: Rows, note: () => void): Rows {
  return rows.map((row) => {
    const unread = new Set(row.keys());
    return new Proxy(row, {
      get(elements, key) {
        if (unread.delete(Number(key))) note();
        return elements[Number(key)];
      },
    });
  });
}

/** What is looked at of a syntax tree; every node has more. */
interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly operator?: string;
  readonly name?: string;
  readonly [child: string]: unknown;
}

const isNode = (value: unknown): value is Node => typeof value === 'object' && value !== null && 'type' in value;
const children = (node: Node): Node[] =>
  Object.values(node)
    .flat()
    .filter(isNode)
    .sort((a, b) => a.start - b.start);

/** The same kernel with `$count( … )` around every operation that counts. */
function instrument(kernel: Kernel, indices: readonly string[], count: Count): Kernel {
  const source = `(${kernel})`;
  const tree = acorn.parse(source, { ecmaVersion: 2022 }) as unknown as Node; // its types know no child by name
  const data = new Set<string>();
  const nameOf = (node: unknown) => (isNode(node) ? node.name : undefined);

  function isData(node: Node): boolean {
    if (node.type === 'Identifier') return data.has(node.name!);
    if (node.type === 'MemberExpression') {
      const matrix = node.object as Node; // of x[row][column]: x[row]
      return (
        matrix.type === 'MemberExpression' && matrix.computed === true && !indices.includes(nameOf(matrix.object)!)
      );
    }
    return children(node).some(isData);
  }

  function mark(node: Node): void {
    const [name, value] = node.type === 'VariableDeclarator' ? [node.id, node.init] : [node.left, node.right];
    if (nameOf(name) && isNode(value) && isData(value) && node.type !== 'BinaryExpression') data.add(nameOf(name)!);
    children(node).forEach(mark);
  }
  for (let before = -1; before !== data.size; ) {
    before = data.size;
    mark(tree);
  }

  function rewrite(node: Node): string {
    let text = '';
    let at = node.start;
    for (const child of children(node)) {
      text += source.slice(at, child.start) + rewrite(child);
      at = child.end;
    }
    text += source.slice(at, node.end);
    const isOperation =
      node.type === 'CallExpression' ||
      (node.type === 'BinaryExpression' && '+-*/'.includes(node.operator!)) ||
      (node.type === 'AssignmentExpression' && node.operator !== '=');
    return isOperation && isData(node) ? `$count(${text})` : text;
  }
  return new Function('$count', `return ${rewrite(tree)}`)(count);
}
