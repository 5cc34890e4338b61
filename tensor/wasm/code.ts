import { type Bytes, unsigned } from './encoding.ts';
import { f32x4, i32 } from './instructions.ts';
import { codeOf, type Local, type Operand, type Type, type Value } from './values.ts';

/** Parameters by name, in the order in which they are passed. */
export type Parameters = Readonly<Record<string, Type>>;
export type LocalsOf<P extends Parameters> = { readonly [name in keyof P]: Local<P[name]> };
export type OperandsOf<P extends Parameters> = { readonly [name in keyof P]: Operand<P[name]> };

/**
 * A function of a module: what `assemble` exports, or what another function calls. It has no result: kernels write
 * memory.
 */
export interface Func<P extends Parameters = Parameters> {
  readonly name: string;
  readonly parameters: P;
  /** Its parameters' names, in order. */
  readonly names: readonly string[];
  /** Emits the body. Called once for each module that holds the function. */
  body(code: Code, locals: LocalsOf<P>): void;
}

/** Declares a function. Nothing is emitted before a module is assembled. */
export function func<const P extends Parameters>(
  name: string,
  parameters: P,
  body: (code: Code, locals: LocalsOf<P>) => void,
): Func<P> {
  return { name, parameters, names: Object.keys(parameters), body };
}

/** A place to branch to: the end of a block, or the head of a loop. */
export interface Label {
  readonly depth: number;
}

/** What a function body is written with: each method appends a statement. */
export interface Code {
  /** Whether `multiplyAdd` is one relaxed instruction. */
  readonly relaxed: boolean;
  /** Whether it is written for an engine of 2025 or later: see features.ts. */
  readonly modern: boolean;
  /** A new local with this first value. */
  let<T extends Type>(value: Value<T>): Local<T>;
  set<T extends Type>(local: Local<T>, value: Operand<T>): void;
  /** Appends an expression without a value, such as a store. */
  run(effect: Value<'void'>): void;
  /** A block: branching to its label leaves it. */
  block(body: (end: Label) => void): void;
  /** A loop: branching to its label starts it again; otherwise it ends where its body ends. */
  loop(body: (again: Label) => void): void;
  branch(label: Label): void;
  branchIf(label: Label, condition: Value<'i32'>): void;
  if(condition: Value<'i32'>, then: () => void, otherwise?: () => void): void;
  /** `for (i = from; i < to; i += step)`, unsigned. `to` is evaluated each time. */
  for(from: Operand<'i32'>, to: Operand<'i32'>, step: Operand<'i32'>, body: (i: Local<'i32'>) => void): void;
  call<P extends Parameters>(callee: Func<P>, operands: OperandsOf<P>): void;
  /**
   * The statements of several bodies in turns: the first of each, then the second of each. A processor looks some hundred instructions
   * ahead; where each of a body's needs the one before, it finds as many at a time to work on as there are bodies.
   *
   * @param bodies as many statements each, none of them a branch; what one sets for the next, a sum, it sets and reads in one statement
   */
  abreast(bodies: readonly (() => void)[]): void;
  /** `a · b + c` in four lanes: the fused instruction where the module may use it, a product and a sum elsewhere. */
  multiplyAdd(a: Value<'v128'>, b: Value<'v128'>, c: Value<'v128'>): Value<'v128'>;
}

const VOID = 0x40;

/** What a function body needs to know about its module. */
export interface Context {
  readonly relaxed: boolean;
  readonly modern: boolean;
  /** The index of a function, which joins the module at its first call. */
  indexOf(callee: Func): number;
}

/** @returns the function's types of locals beyond its parameters, and its instructions */
export function emit(definition: Func, context: Context): { locals: readonly Type[]; code: Bytes } {
  let statements: Bytes[] = [];
  const locals: Type[] = [];
  let depth = 0;
  let alone = true;

  const push = (...parts: readonly Bytes[]): void => {
    statements.push(parts);
  };
  const local = <T extends Type>(index: number, type: T): Local<T> => ({
    type,
    local: index,
    code: [0x20, unsigned(index)],
  });
  /** What decides where to go on can't stand between the statements of another body. */
  const control = (...parts: readonly Bytes[]): void => {
    if (!alone)
      throw new TypeError(`${definition.name}: bodies abreast have no blocks, loops, conditions and branches`);
    push(...parts);
  };
  const nest = (opcode: Bytes, body: (label: Label) => void): void => {
    control(opcode);
    depth += 1;
    body({ depth });
    depth -= 1;
    push([0x0b]);
  };

  const code: Code = {
    relaxed: context.relaxed,
    modern: context.modern,
    let(value) {
      locals.push(value.type);
      const made = local(definition.names.length + locals.length - 1, value.type);
      code.set(made, value);
      return made;
    },
    set: (target, value) => push(codeOf(target.type, value), [0x21, unsigned(target.local)]),
    run: (effect) => push(effect.code),
    block: (body) => nest([0x02, VOID], body),
    loop: (body) => nest([0x03, VOID], body),
    branch: (label) => control([0x0c, unsigned(depth - label.depth)]),
    branchIf: (label, condition) => control(codeOf('i32', condition), [0x0d, unsigned(depth - label.depth)]),
    if(condition, then, otherwise) {
      push(codeOf('i32', condition));
      nest([0x04, VOID], () => {
        then();
        if (!otherwise) return;
        push([0x05]);
        otherwise();
      });
    },
    // Tested at the bottom: one branch a turn.
    for(from, to, step, body) {
      const i = code.let({ type: 'i32', code: codeOf('i32', from) });
      code.if(i32.lt_u(i, to), () =>
        code.loop((again) => {
          body(i);
          code.set(i, i32.add(i, step));
          code.branchIf(again, i32.lt_u(i, to));
        }),
      );
    },
    call(callee, operands) {
      const given = Object.entries(callee.parameters).map(([name, type]) => codeOf(type, operands[name]));
      push(...given, [0x10, unsigned(context.indexOf(callee))]);
    },
    abreast(bodies) {
      const before = statements;
      alone = false;
      const lists = bodies.map((body) => {
        statements = [];
        body();
        return statements;
      });
      alone = true;
      statements = before;
      const [{ length }] = lists;
      if (lists.some((list) => list.length !== length)) {
        throw new TypeError(`${definition.name}: bodies abreast have ${lists.map((list) => list.length)} statements`);
      }
      for (let i = 0; i < length; i++) push(...lists.map((list) => list[i]));
    },
    multiplyAdd: (a, b, c) => (context.relaxed ? f32x4.relaxed_madd(a, b, c) : f32x4.add(f32x4.mul(a, b), c)),
  };

  const parameters = Object.entries(definition.parameters).map(([name, type], index) => [name, local(index, type)]);
  definition.body(code, Object.fromEntries(parameters));
  return { locals, code: statements };
}
