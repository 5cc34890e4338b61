import type { Device } from '../../tensor/device.ts';
import { profileStages, type Stage } from '../profile/stages.ts';
import { dim, say, sayPassing, thousands } from './terminal.ts';

/** How often a running stage says how far it is, on a terminal. */
const REFRESH_MILLISECONDS = 200;

/** What a stage does, for its line. */
export interface StageKind {
  /** Shows how far it is while it runs (default); an answer that is written meanwhile would be in the way. */
  readonly live?: boolean;
  /** Computes, so that its line has operations and their rate (default): loading moves bytes. */
  readonly computes?: boolean;
}

/** One line a stage: a percentage while it runs (on a terminal), then its time and arithmetic. */
export interface StageReport {
  /** Ends the stage before, if there is one, and begins the next. */
  enter(name: string, kind?: StageKind): void;
  /** Ends the last stage; `more` is added to its line. */
  end(more?: (seconds: number) => string): void;
  stop(): void;
}

export function reportStages(device: Device): StageReport {
  const profile = profileStages(device);
  let current: { name: string; start: number; before: Stage | undefined; computes: boolean } | undefined;
  let timer: NodeJS.Timeout | undefined;
  const find = (name: string) => profile.stages().find((stage) => stage.name === name);

  function end(more: (seconds: number) => string = () => ''): void {
    if (!current) return;
    clearInterval(timer);
    const { name, start, before, computes } = current;
    const seconds = (performance.now() - start) / 1000;
    const operations = (find(name)?.operations ?? 0) - (before?.operations ?? 0);
    const rate =
      computes && operations > 0
        ? ` · ${thousands(operations, 'FLOP')} · ${thousands(operations / seconds, 'FLOP/s')}`
        : '';
    say(dim(`  ${name.padEnd(16)} ${seconds.toFixed(2).padStart(6)} s${rate}${more(seconds)}`));
    current = undefined;
  }
  return {
    enter(name, { live = true, computes = true } = {}) {
      end();
      current = { name, start: performance.now(), before: find(name), computes };
      profile.enter(name);
      if (!live || process.stderr.isTTY !== true) return;
      timer = setInterval(() => {
        sayPassing(dim(`  ${name.padEnd(16)} ${Math.round(100 * profile.progress())} %`));
      }, REFRESH_MILLISECONDS);
    },
    end,
    stop() {
      clearInterval(timer);
      profile.stop();
    },
  };
}
