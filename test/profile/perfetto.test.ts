import * as fc from 'fast-check';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import type { LaunchRecord } from '../../src/profile/record.ts';
import { traceEvents } from '../../src/profile/trace-events.ts';
import { openTrace, perfettoIsHere } from './perfetto-engine.ts';
import { anyLaunch, launchOf, profileOf } from './sample.ts';
import { decodeTrace, type Frame } from './trace-decoder.ts';

const skipped = 'a trace in Perfetto skipped: run "node test/profile/fetch-perfetto.mjs" (26 MB), and it is tested';
if (!perfettoIsHere()) {
  if (process.env.CI) test('a trace in Perfetto', () => expect.fail(skipped));
  else console.warn(skipped);
}

/** What it complains of: nothing, where all is well. */
const COMPLAINTS = "SELECT name, value FROM stats WHERE value > 0 AND severity != 'info'";
const SLICES = `SELECT process.name AS process, thread.name AS thread, slice.name, slice.category, depth, slice.ts, dur
  FROM slice JOIN thread_track ON slice.track_id = thread_track.id JOIN thread USING (utid) JOIN process USING (upid)
  ORDER BY process.pid, slice.ts`;

/** What Perfetto has to show of it, by our own decoder. */
const outlined = (text: string) =>
  decodeTrace(text).flatMap(({ process, thread, frames }) => {
    const all = (inside: readonly Frame[], depth: number): object[] =>
      inside.flatMap(({ name, category, start, end, inside }) => [
        { process, thread, name, category, depth, ts: nanoseconds(start), dur: nanoseconds(end) - nanoseconds(start) },
        ...all(inside, depth + 1),
      ]);
    return all(frames, 0);
  });
const nanoseconds = (microseconds: number) => Math.round(1000 * microseconds);

const traceOf = (...launches: LaunchRecord[]) => JSON.stringify(traceEvents(profileOf(...launches), 'a device'));

describe.skipIf(!perfettoIsHere())('Perfetto', () => {
  beforeAll(() => {
    // It tells of its build and its speed.
    vi.spyOn(console, 'warn').mockReturnValue();
    vi.spyOn(console, 'log').mockReturnValue();
  });

  test('reads a trace as it was meant, whatever clocks say', async () => {
    const traces = [
      traceOf(launchOf(1), launchOf(3, { path: 'transformer.h.1' }), launchOf(9, { part: 'decode' })),
      ...fc.sample(fc.array(anyLaunch, { minLength: 100, maxLength: 200 }), 3).map((launches) => traceOf(...launches)),
    ];
    for (const trace of traces) {
      const ask = await openTrace(trace);
      expect(await ask(COMPLAINTS)).toEqual([]);
      const rows = await ask(SLICES);
      expect(
        rows.map((row) => ({ ...row, depth: Number(row.depth), ts: Number(row.ts), dur: Number(row.dur) })),
      ).toEqual(outlined(trace));
    }
  });

  test('complains of what does not nest, and refuses what is no trace, so that its silence says something', async () => {
    const event = { ph: 'X', name: 'a', pid: 1, tid: 1, ts: 0, dur: 10, args: {} };
    const ask = await openTrace(JSON.stringify({ traceEvents: [event, { ...event, ts: 5 }] }));
    expect(await ask(COMPLAINTS)).toEqual([{ name: 'slice_drop_overlapping_complete_event', value: 1n }]);
    await expect(openTrace('{"traceEvents": 7}')).rejects.toThrow('traceEvents is not an array');
  });
});
