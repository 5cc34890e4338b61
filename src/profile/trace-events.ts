import type { Profile } from './profile.ts';
import { end, type PassRecord, type Span } from './record.ts';

/**
 * An event of the Trace Event Format, which Chrome's tracing, Perfetto and speedscope read: names (`M`) and stretches of time
 * (`X`), in microseconds.
 */
export type TraceEvent = { readonly pid: number; readonly tid: number; readonly ts: number } & (
  | { readonly ph: 'M'; readonly name: 'process_name' | 'thread_name'; readonly args: { readonly name: string } }
  | {
      readonly ph: 'X';
      readonly name: string;
      readonly cat: Category;
      readonly dur: number;
      readonly args: Readonly<Record<string, unknown>>;
    }
);

export interface Trace {
  readonly traceEvents: readonly TraceEvent[];
  readonly displayTimeUnit: 'ms';
}

type Category = 'part' | 'block' | 'launching' | 'operation' | 'kernel' | 'list' | 'upload' | 'read';

/** A stretch of time with what happened inside it, in whole nanoseconds. */
interface Stretch {
  readonly name: string;
  readonly category: Category;
  readonly start: number;
  end: number;
  readonly args: Readonly<Record<string, unknown>>;
  readonly inside: Stretch[];
}

/** The passes of a profile, each a process of its own: parts, in them launching, blocks and transfers, in blocks operations, in these kernels. */
export function traceEvents({ first, stepwise, fused }: Profile, device: string): Trace {
  const passes = [
    { pass: stepwise, name: 'stepwise: every operation awaited' },
    { pass: fused, name: 'as it runs, no activation heard' },
    { pass: first, name: 'the first call' },
  ];
  const events = passes.flatMap(({ pass, name }, i): TraceEvent[] => {
    const place = { pid: i + 1, tid: 1, ts: 0 };
    return [
      { ph: 'M', name: 'process_name', args: { name }, ...place },
      { ph: 'M', name: 'thread_name', args: { name: device }, ...place },
      ...strictly(stretches(pass), -1, Number.POSITIVE_INFINITY).map(
        ({ name, category, start, end, args }): TraceEvent => ({
          ph: 'X',
          ...{ name, cat: category, ...place },
          ts: start / 1000,
          dur: (end - start) / 1000,
          args,
        }),
      ),
    ];
  });
  return { traceEvents: events, displayTimeUnit: 'ms' };
}

function stretch(name: string, category: Category, span: Span, args = {}): Stretch {
  const nanoseconds = (milliseconds: number) => Math.round(milliseconds * 1e6);
  return { name, category, start: nanoseconds(span.start), end: nanoseconds(end(span)), args, inside: [] };
}

function stretches({ parts, launches, transfers, lists }: PassRecord): Stretch[] {
  const within = parts.map((part) => stretch(part.name, 'part', part));
  const work = [
    ...transfers.map(({ kind, label, bytes, ...span }) => ({
      path: '',
      own: stretch(`${kind} ${label}`, kind, span, { bytes }),
    })),
    ...lists.map((list) => ({ path: '', own: stretch('list', 'list', list) })),
    ...launches.flatMap(({ op, path, launching, awaited, kernels, ...launch }) => {
      const { tap, inputs, shape, operations, bytes, milliseconds, source } = launch;
      const own = stretch(op, 'operation', awaited, {
        ...{ path, tap, inputs: inputs.map((input) => input ?? null), shape },
        ...{ operations, bytes, milliseconds, source },
      });
      own.inside.push(...kernels.map((kernel) => stretch(kernel.name, 'kernel', kernel)));
      return [
        { path, own },
        { path: '', own: stretch(`launch ${op}`, 'launching', launching, { path, tap }) },
      ];
    }),
  ].sort((a, b) => a.own.start - b.own.start);
  for (const { path, own } of work) {
    const part = within.findLast(({ start }) => start <= own.start) ?? within[0];
    const last = part.inside.at(-1);
    if (own.category === 'list' && last && own.start < last.end)
      last.inside.push(own); // a transfer waits for it
    else if (path === '') part.inside.push(own);
    else if (last?.category === 'block' && last.name === path) {
      last.inside.push(own);
      last.end = own.end;
    } else part.inside.push({ ...own, name: path, category: 'block', args: {}, inside: [own] });
  }
  return within;
}

/**
 * What lies inside begins after what is around it and ends before it, and neighbours do not touch: readers differ in which of two
 * events at the same time comes first. Clocks read one after another cross by nanoseconds at most; what has no room is left out.
 */
function strictly(all: readonly Stretch[], from: number, to: number): Stretch[] {
  let free = from + 1;
  return all.flatMap((one) => {
    const start = Math.max(free, one.start);
    const inside = strictly(one.inside, start, Math.min(to - 1, Math.max(one.end, start + 2)));
    const last = Math.max(start, ...inside.map((inner) => inner.end));
    const end = Math.min(to - 1, Math.max(one.end, last + 1));
    if (end <= start) return [];
    free = end + 1;
    return [{ ...one, start, end }, ...inside];
  });
}
