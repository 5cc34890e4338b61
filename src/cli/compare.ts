import { basename } from 'node:path';
import { openFile } from '../checkpoint/file-source.ts';
import { openSafetensors, type SafetensorsFile } from '../checkpoint/safetensors.ts';
import { InputError } from '../error.ts';
import { quoteSome } from '../quote.ts';
import { compareTraces, type TraceComparison } from '../verify/compare-traces.ts';
import { glob, requireFound } from '../verify/glob.ts';
import { toLine } from '../verify/line.ts';
import type { Run } from '../verify/report/report.ts';
import { TOLERANCES } from '../verify/tolerances.ts';
import { ORDER } from '../verify/trace.ts';
import type { Options } from './options.ts';
import { madeHere, publish } from './publish.ts';
import { say } from './terminal.ts';

/** Whose precision is taken for granted where a trace does not say what made it: float32 arithmetic. */
const FLOAT32_DEVICE = 'webasm';

/** `qvl compare A.safetensors B.safetensors`: measures A against the reference B, and judges it. */
export async function runCompare(words: string[], options: Options): Promise<void> {
  const [actual, reference] = words;
  if (actual === undefined || reference === undefined || words.length > 2) {
    throw new InputError('qvl compare', `${words.length} files, expected two`, 'name a trace and its reference');
  }
  const start = performance.now();
  const files = [await openFile(actual)];
  try {
    files.push(await openFile(reference));
    const [a, b] = [await openSafetensors(files[0]), await openSafetensors(files[1])];
    requireFound(options.tap, [...a.tensors.keys(), ...b.tensors.keys()], 'qvl compare');
    const compared = await compareTraces(a, b, options.tap ? glob(options.tap) : undefined);
    const run: Run = {
      golden: { name: toLine(basename(reference)), kind: 'trained', provenance: provenance(b) },
      device: deviceOf(a, actual, options),
      outcome: 'measured',
      seconds: (performance.now() - start) / 1000,
      free: compared.results,
    };
    await publish({ made: await madeHere(), runs: [run] }, options);
    warn(compared);
  } finally {
    for (const file of files) await file.close();
  }
}

const provenance = ({ metadata }: SafetensorsFile): Record<string, string> =>
  Object.fromEntries(
    [...metadata].slice(0, 50).flatMap(([key, text]) => (key === ORDER ? [] : [[toLine(key, 100), toLine(text)]])),
  );

/** The row of the table to judge by: the one asked for, the one of the device that the trace says it was made on, or float32. */
function deviceOf({ metadata }: SafetensorsFile, file: string, { device }: Options): Run['device'] {
  const rows = Object.keys(TOLERANCES.devices);
  if (device !== undefined && !rows.includes(device)) {
    throw new InputError('--device', `"${device}", expected one of ${rows.join(', ')}`, 'choose one of them');
  }
  const said = metadata.get('device');
  const name = device ?? (said !== undefined && rows.includes(said) ? said : FLOAT32_DEVICE);
  const ran = toLine(metadata.get('ran') ?? metadata.get('producer') ?? 'made elsewhere', 200);
  return { name, description: `${toLine(basename(file), 200)}, ${ran}` };
}

/** What could not be compared is no pass, except what the reference lacks. */
function warn({ onlyActual, onlyReference, misshapen, unmeasured }: TraceComparison): void {
  const list = (names: readonly string[], what: string) => {
    if (names.length > 0) say(`  ${names.length} ${what}: ${quoteSome(names)}`);
  };
  list(onlyActual, 'only in the first');
  list(onlyReference, 'only in the second');
  list(misshapen, 'of other shapes');
  list(unmeasured, 'left out, too large or of types that cannot be measured');
  if (onlyReference.length + misshapen.length + unmeasured.length > 0) process.exitCode = 1;
}
