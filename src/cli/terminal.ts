import { styleText } from 'node:util';
import type { Device } from '../../tensor/device.ts';
import { profileStages, type Stage } from '../profile/stages.ts';

/** How often a running stage says how far it is, on a terminal. */
const REFRESH_MILLISECONDS = 200;

export const bold = (text: string): string => styleText('bold', text);
export const dim = (text: string): string => styleText('dim', text);

/** Progress and timings go to standard error, so that standard output holds answers alone. */
export const say = (line: string): void => void process.stderr.write(`${line}\n`);

/** The most memory that the process has had so far. */
export const peakMemory = (): string => thousands(process.resourceUsage().maxRSS * 1024, 'B');

/** A number with a unit in thousands: 1234567 → `1.23 M`. */
export function thousands(value: number, unit = ''): string {
  const step = Math.min(4, Math.max(0, Math.floor(Math.log10(Math.max(1, value)) / 3)));
  const scaled = value / 1000 ** step;
  return `${scaled.toFixed(step === 0 || scaled >= 100 ? 0 : scaled >= 10 ? 1 : 2)} ${['', 'k', 'M', 'G', 'T'][step]}${unit}`.trim();
}

/** One line a stage: a percentage while it runs (on a terminal), then its time and arithmetic. */
export interface StageReport {
  /** Ends the stage before, if there is one, and begins the next. `live` stages show how far they are. */
  enter(name: string, live?: boolean): void;
  /** Ends the last stage; `more` is added to its line. */
  end(more?: (seconds: number) => string): void;
  stop(): void;
}

export function reportStages(device: Device): StageReport {
  const profile = profileStages(device);
  const live = process.stderr.isTTY === true;
  let current: { name: string; start: number; before: Stage | undefined } | undefined;
  let timer: NodeJS.Timeout | undefined;
  const find = (name: string) => profile.stages().find((stage) => stage.name === name);

  function end(more: (seconds: number) => string = () => ''): void {
    if (!current) return;
    clearInterval(timer);
    const { name, start, before } = current;
    const seconds = (performance.now() - start) / 1000;
    const operations = (find(name)?.operations ?? 0) - (before?.operations ?? 0);
    const rate =
      operations > 0 ? ` · ${thousands(operations, 'FLOP')} · ${thousands(operations / seconds, 'FLOP/s')}` : '';
    say(
      `${live ? '\r\x1b[K' : ''}${dim(`  ${name.padEnd(16)} ${seconds.toFixed(2).padStart(6)} s${rate}${more(seconds)}`)}`,
    );
    current = undefined;
  }
  return {
    enter(name, showProgress = true) {
      end();
      current = { name, start: performance.now(), before: find(name) };
      profile.enter(name);
      if (!live || !showProgress) return;
      timer = setInterval(() => {
        process.stderr.write(`\r\x1b[K${dim(`  ${name.padEnd(16)} ${Math.round(100 * profile.progress())} %`)}`);
      }, REFRESH_MILLISECONDS);
    },
    end,
    stop() {
      clearInterval(timer);
      profile.stop();
    },
  };
}
