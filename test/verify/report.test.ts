import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CheckpointError, InputError } from '../../src/error.ts';
import { DEVICE_NAMES } from '../../src/open-device.ts';
import type { TapMeasurement } from '../../src/verify/compare.ts';
import { findGoldens } from '../../src/verify/open.ts';
import { readReport, readTolerances } from '../../src/verify/report/read-report.ts';
import { exitCodeOf, judgeRun, type Run, writeReport } from '../../src/verify/report/report.ts';
import { findings } from '../../src/verify/report/tree.ts';
import { runGolden } from '../../src/verify/run.ts';
import { budgets, TOLERANCES } from '../../src/verify/tolerances.ts';
import { createDevice } from '../../tensor/device.ts';
import { DeviceError } from '../../tensor/error.ts';
import { nullDriver } from '../../tensor/null.ts';
import { reportOf, soundRun, tapOf } from './measured.ts';

const brokenRun: Run = { ...soundRun, free: [tapOf('transformer.h.0', [Number.NaN, 2], [1, 2])], forced: [] };

describe('verdicts', () => {
  test('pass, over budget, unavailable, degraded', () => {
    const absent: Run = { ...soundRun, outcome: 'unavailable', free: [], forced: [] };
    const fellBack: Run = { ...soundRun, outcome: 'degraded' }; // its measurements are sound, and it is no pass
    const verdicts = [soundRun, brokenRun, absent, fellBack].map((run) => judgeRun(run));
    expect(verdicts.map(({ status }) => status)).toEqual(['pass', 'over budget', 'unavailable', 'degraded']);
    expect(verdicts.map((verdict) => exitCodeOf([verdict]))).toEqual([0, 1, 3, 3]);
    expect([exitCodeOf(verdicts), exitCodeOf([]), exitCodeOf([verdicts[0], verdicts[3]])]).toEqual([1, 0, 3]);
  });

  test('nothing compared is no pass', () => {
    expect(judgeRun({ ...soundRun, free: [], forced: [] }).status).toBe('over budget');
  });

  test('every device that computes has a row', () => {
    const computing = DEVICE_NAMES.filter((name) => name !== 'auto' && name !== 'null');
    expect(Object.keys(TOLERANCES.devices)).toEqual(expect.arrayContaining(computing));
  });

  test('a device without a row is a typed error', () => {
    expect(() => judgeRun({ ...soundRun, device: { name: 'abacus', description: '' } })).toThrow(InputError);
    expect(() => judgeRun({ ...soundRun, device: { name: 'constructor', description: '' } })).toThrow(/no row/);
  });

  test('other tolerances judge the same measurements otherwise', () => {
    const strict = readTolerances('{"devices": {"webasm": {"random": 0.4, "trained": 0.4}}}', 'strict.json');
    expect(strict.devices.cpu).toEqual(TOLERANCES.devices.cpu);
    const { status, modes } = judgeRun(soundRun, strict);
    expect([status, modes[0].divergence?.name]).toEqual(['over budget', 'transformer.h.0']);
  });

  test('a device that gives way is degraded, an error of ours is not swallowed', async () => {
    const [golden] = await findGoldens('golden/quirks/model-e');
    const failing = (error: Error) => createDevice({ ...nullDriver, name: 'webgpu', run: () => Promise.reject(error) });
    const options = { modes: ['free'] as const, wanted: () => true };
    const run = await runGolden(golden, failing(new DeviceError('ran on\ncpu instead')), options);
    expect([run.outcome, run.reason]).toEqual(['degraded', 'ran on cpu instead']);
    expect(judgeRun(run).status).toBe('degraded');
    await expect(runGolden(golden, failing(new TypeError('a slip')), options)).rejects.toThrow('patches failed');
  });
});

describe('where a fault enters', () => {
  const noise = (pytorch: number, ours: number) => ({ exact: { ours, pytorch, ratio: ours / pytorch } });
  /** A tap within budget, and one whose every element is off by that share. */
  const tap = (name: string, off = 1e-7, more: Partial<TapMeasurement> = {}) =>
    tapOf(name, [1 + off, -2 - 2 * off, 3 + 3 * off], [1, -2, 3], more);
  const cpu = (modes: Partial<Run>): Run => ({
    ...soundRun,
    free: [],
    forced: [],
    device: { name: 'cpu', description: '' },
    ...modes,
  });

  test('running free, if it exceeds there before it does forced', () => {
    const free = [tap('transformer.h.0.attn'), tap('transformer.h.0.ln_2', 1e-2), tap('transformer.h.0.mlp', 1e-2)];
    const forced = [tap('transformer.h.0.attn'), tap('transformer.h.0.ln_2'), tap('transformer.h.0.mlp', 1e-2)];
    expect(judgeRun(cpu({ free, forced })).entry?.name).toBe('transformer.h.0.ln_2');
    expect(judgeRun(cpu({ free: forced, forced: free })).entry?.name).toBe('transformer.h.0.ln_2');
    expect(judgeRun(cpu({ free: forced, forced: [tap('transformer.h.0.attn', 1e-2)] })).entry?.name).toBe(
      'transformer.h.0.attn',
    );
  });

  test('in an answer alone', () => {
    const sound = [tap('transformer.h.0.attn'), tap('transformer.h.0')];
    const fused = [tap('transformer.h.0.attn', 1e-2), tap('transformer.h.0', 1e-2)];
    const { entry, status } = judgeRun(cpu({ free: sound, forced: sound, fused }));
    expect([status, entry?.name]).toEqual(['over budget', 'transformer.h.0.attn']);
  });

  test('what may have gone unseen before a tap with a twin is said, with its operations', () => {
    // 1e-6 of every element is too much beside a twin with such a noise, and unseen where only float32 is known.
    const free = [
      tap('transformer.h.0', 0, noise(1e-12, 1e-15)),
      tap('transformer.h.1.ln_1', 0, { operations: ['rmsNorm'] }),
      tap('transformer.h.1.mlp', 1e-6, { operations: ['siluGate', 'linear'] }),
      tap('transformer.h.1', 1e-6, { ...noise(1e-12, 1e-12), operations: ['add'] }),
    ];
    const verdict = judgeRun(cpu({ free }));
    expect(verdict.entry).toMatchObject({
      name: 'transformer.h.1',
      unseen: 2,
      after: 'transformer.h.0',
      operations: ['rmsNorm', 'siluGate', 'linear', 'add'],
    });
    expect(findings(verdict)).toContain(
      'enters at transformer.h.1, or unseen in 2 taps before, after transformer.h.0: rmsNorm, siluGate, linear, add',
    );
  });

  test('an activation without a twin is allowed what its neighbours and its own operations explain', () => {
    const budget = (name: string, ...noises: number[]) => {
      const twins = noises.map((each, i) => tap(`transformer.h.${i}`, 0, noise(each, 0)));
      const results = [twins[0], tap(name), ...twins.slice(1)];
      return budgets(results, 'cpu', 'random')(results[1]).nmse;
    };
    // The last twin is no neighbour, if another stands between.
    const far = budget('transformer.h.1.mlp', 1e-13, 1e-13, 9e-12);
    expect(far).toBeLessThan(budget('transformer.h.1.mlp', 1e-13, 9e-12, 1e-13) / 3);
    expect(budget('transformer.h.1.ln_1', 1e-13, 1e-13, 9e-12)).toBeLessThan(far / 3);
    // However little is known, no more than was once allowed: four times the largest noise of all twins, and what `cpu` adds.
    expect(budget('transformer.h.1.mlp', 1e-13, 1e-13)).toBeLessThanOrEqual(
      4e-13 * (1 + Math.sqrt(0.1)) ** 2 * (1 + 1e-12),
    );
    expect(budget('transformer.wte', 1e-12, 1e-12)).toBe(0);
  });
});

describe('a saved report', () => {
  test('comes back as it was, infinities and NaN included', () => {
    const report = reportOf(soundRun, brokenRun);
    const back = readReport(writeReport(report), 'r.json');
    expect(back).toEqual(report);
    expect(back.runs.map((run) => judgeRun(run))).toEqual(report.runs.map((run) => judgeRun(run)));
    expect(back.runs[1].free?.[0].metrics.worst.actual).toBeNaN();
    expect(back.runs[1].free?.[0].nmse).toBe(Number.POSITIVE_INFINITY);
  });

  test.each([
    ['no JSON', '{', /not JSON/],
    ['nested lists', '['.repeat(2 ** 20), /r\.json: it nests lists and objects more than 64 deep/],
    ['many objects', `{"runs":[${'{},'.repeat(2 ** 21)}{}]}`, /more than 2097152 lists, objects and fields/],
    ['many fields', `{"runs":{${'"":0,'.repeat(2 ** 21)}"":0}}`, /more than 2097152 lists, objects and fields/],
    [
      'half a character in a name',
      { runs: [{ ...soundRun, golden: { ...soundRun.golden, name: 'a\ud800b' } }] },
      /golden\.name: "a\\ud800b", expected a line/,
    ],
    ['no object', '3', /r\.json: 3, expected an object/],
    ['another version', { version: 1 }, /r\.json\.version: 1, expected 2/],
    ['another schema', { schema: 'x' }, /schema/],
    ['runs that are no list', { runs: {} }, /r\.json\.runs: an object, expected a list/],
    ['too many runs', { runs: Array(1001).fill({}) }, /expected a list of at most 1000/],
    ['a run without a golden', { runs: [{}] }, /runs\[0\]\.golden: nothing/],
    [
      'a name that commands the terminal',
      { runs: [{ ...soundRun, golden: { ...soundRun.golden, name: '\x1b[2J' } }] },
      /expected a line/,
    ],
    [
      'a negative error',
      { runs: [{ ...soundRun, free: [{ ...soundRun.free![0], nmse: -1 }] }] },
      /nmse: -1, expected a number from 0/,
    ],
    [
      'an error that is no number',
      { runs: [{ ...soundRun, free: [{ ...soundRun.free![0], nmse: 'NaN' }] }] },
      /nmse.*expected a number from 0/,
    ],
  ])('%s is refused', (_, change, says) => {
    const text = typeof change === 'string' ? change : JSON.stringify({ ...reportOf(), ...change });
    expect(() => readReport(text, 'r.json')).toThrow(CheckpointError);
    expect(() => readReport(text, 'r.json')).toThrow(says);
  });

  test('any JSON is read or refused with a typed error of one line; what is read can be judged', () => {
    const valid = JSON.parse(writeReport(reportOf(soundRun))) as object;
    /** Every place of the report, to put something else there. */
    const places: (readonly (string | number)[])[] = [];
    const walk = (value: unknown, path: readonly (string | number)[]) => {
      places.push(path);
      if (typeof value === 'object' && value)
        for (const key of Object.keys(value)) walk((value as never)[key], [...path, key]);
    };
    walk(valid, []);
    fc.assert(
      fc.property(fc.constantFrom(...places), fc.jsonValue(), (path, put) => {
        const json: { root: unknown } = { root: structuredClone(valid) };
        let at = json as never;
        for (const key of ['root', ...path].slice(0, -1)) at = at[key as never];
        (at as Record<string | number, unknown>)[path.at(-1) ?? 'root'] = put;
        try {
          for (const run of readReport(JSON.stringify(json.root), 'r.json').runs) judgeRun(run);
        } catch (error) {
          expect(error).toBeInstanceOf(InputError);
          expect((error as Error).message).not.toMatch(/\p{Cc}/u);
        }
      }),
      { numRuns: 500 },
    );
  });

  test.each([
    '[]',
    '{"crest": -1}',
    '{"devices": {"cpu": {"random": 1}}}',
    '{"devices": {"cpu": {"random": "x", "trained": 1}}}',
  ])('the tolerances %s are refused', (text) => {
    expect(() => readTolerances(text, 't.json')).toThrow(CheckpointError);
  });
});
