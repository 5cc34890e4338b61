/** A stretch of a trace with what lies in it. */
export interface Frame {
  readonly name: string;
  readonly category: string;
  /** Microseconds. */
  readonly start: number;
  readonly end: number;
  readonly inside: Frame[];
}

export interface Thread {
  readonly process: string | undefined;
  readonly thread: string | undefined;
  readonly frames: Frame[];
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * Reads the JSON Object Format of Google's "Trace Event Format" as strictly as Perfetto and speedscope do together: every event has
 * `ph`, `ts`, `pid` and `tid`; `X` a name and a duration; `M` names a process or a thread. Complete events of one thread nest; one
 * reader turns them into a beginning and an end and sorts those by time, so that no two of a thread may fall together.
 *
 * @throws Error at the first event that either reader would drop, misplace or warn about
 */
export function decodeTrace(text: string): Thread[] {
  const trace: unknown = JSON.parse(text);
  if (!isRecord(trace) || !Array.isArray(trace.traceEvents)) throw new Error('no traceEvents');
  const threads = new Map<string, { name: string | undefined; spans: Frame[] }>();
  const processes = new Map<number, string>();
  for (const event of trace.traceEvents as unknown[]) {
    if (!isRecord(event)) throw new Error('an event is no object');
    const { ph, ts, pid, tid, name, dur, args, cat } = event;
    const wrong = (what: string) => new Error(`${what}: ${JSON.stringify(event)}`);
    if (![pid, tid].every(Number.isInteger)) throw wrong('pid and tid are whole numbers');
    if (typeof ts !== 'number' || !Number.isFinite(ts) || ts < 0) throw wrong('ts is microseconds');
    if (typeof name !== 'string' || name === '') throw wrong('a name is needed');
    const key = `${pid}:${tid}`;
    const thread: { name: string | undefined; spans: Frame[] } = threads.get(key) ?? { name: undefined, spans: [] };
    threads.set(key, thread);
    if (ph === 'M') {
      if (!isRecord(args) || typeof args.name !== 'string') throw wrong('metadata has a name');
      if (name === 'process_name') processes.set(pid as number, args.name);
      else if (name === 'thread_name') thread.name = args.name;
      else throw wrong('metadata of no known kind');
    } else if (ph === 'X') {
      if (typeof dur !== 'number' || !(dur > 0)) throw wrong('a stretch has a duration');
      if (!isRecord(args)) throw wrong('args is an object');
      thread.spans.push({ name, category: String(cat), start: ts, end: ts + dur, inside: [] });
    } else throw wrong('neither X nor M');
  }
  return [...threads].map(([key, { name, spans }]) => ({
    process: processes.get(Number(key.split(':')[0])),
    thread: name,
    frames: nest(spans),
  }));
}

/** Beginnings and ends in the order of time, matched like brackets. */
function nest(spans: readonly Frame[]): Frame[] {
  const nanoseconds = (microseconds: number) => Math.round(1000 * microseconds);
  const marks = spans
    .flatMap((frame) => [
      { at: nanoseconds(frame.start), frame, begins: true },
      { at: nanoseconds(frame.end), frame, begins: false },
    ])
    .sort((a, b) => a.at - b.at);
  const roots: Frame[] = [];
  const open: Frame[] = [];
  for (const [i, { at, frame, begins }] of marks.entries()) {
    if (marks[i + 1]?.at === at) throw new Error(`${frame.name}: two events of a thread fall together`);
    if (begins) {
      (open.at(-1)?.inside ?? roots).push(frame);
      open.push(frame);
    } else if (open.pop() !== frame) throw new Error(`${frame.name} ends while another is open`);
  }
  return roots;
}
