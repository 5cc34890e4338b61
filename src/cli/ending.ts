/** How a process ends: with or without a reader, by itself or stopped by a signal. */
import { DeviceError } from '../../tensor/error.ts';
import { InputError } from '../error.ts';
import { red, say } from './terminal.ts';

/** What ends a process, with its exit code: 128 and the signal's number. */
const SIGNALS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

/** A reader that stopped listening (`qvl … | head`), here and on Windows. */
const GONE: readonly (string | undefined)[] = ['EPIPE', 'EOF', 'ECONNRESET'];
const OUTPUT_FAILED = 2;

/**
 * Lets neither the work nor the exit code depend on who listens: what has lost its reader is not printed, and everything
 * else goes on. Standard output that cannot be written, as on a full disk, is said once and ends with 2, if not with worse.
 */
export function outliveListeners(): void {
  let failed = false;
  process.stdout.on('error', ({ code }: NodeJS.ErrnoException) => {
    if (failed || GONE.includes(code)) return;
    failed = true;
    complain(`standard output: it cannot be written (${code}); free some space, or send it elsewhere`);
    process.on('exit', (exitCode) => {
      if (exitCode === 0) process.exitCode = OUTPUT_FAILED;
    });
  });
  process.stderr.on('error', () => undefined); // there is no reader left to be told
}

/** The first Ctrl-C ends the process at once: files that were half written go, and workers end with it. */
export function endOnSignals(): void {
  for (const [signal, code] of Object.entries(SIGNALS)) {
    process.once(signal, () => {
      process.stderr.write('\ninterrupted\n');
      process.exit(code);
    });
  }
}

/** An error in one line; a command's own need not say twice whose it is. */
export const complain = (message: string): void =>
  say(`${red('qvl:')} ${message.replace(/^qvl /, '').replaceAll('\n', ' ')}`);

/** Ends the process when all is written: pipes take their time on some systems. */
export function leave(code: number): void {
  process.exitCode = code;
  process.stdout.write('', () => process.stderr.write('', () => process.exit()));
}

/** How a command ends that failed: what is said in one line, and the exit code. */
export function endOf(error: unknown): { message: string; code: 1 | 2 | 3 } {
  const expected = known(error);
  if (!expected) return { message: `unexpected: ${error}; please report it with the output of --debug`, code: 1 };
  return { message: expected.message, code: expected instanceof DeviceError ? 3 : 2 };
}

/** The first typed error on the way from what surfaced to its cause. */
function known(error: unknown): InputError | DeviceError | undefined {
  for (let at = error; at instanceof Error; at = at.cause) {
    if (at instanceof InputError || at instanceof DeviceError) return at;
  }
  return undefined;
}
