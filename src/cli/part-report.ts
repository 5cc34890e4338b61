import type { Device } from '../../tensor/device.ts';
import { type Part, profileParts } from '../profile/parts.ts';
import { dim, say, sayPassing, thousands } from './terminal.ts';

/** How often a running part says how far it is, on a terminal. */
const REFRESH_MILLISECONDS = 200;

/** What a part does, for its line. */
export interface PartKind {
  /** Shows how far it is while it runs (default); an answer that is written meanwhile would be in the way. */
  readonly live?: boolean;
  /** Computes, so that its line has operations and their rate (default): loading moves bytes. */
  readonly computes?: boolean;
}

/** One line a part: a percentage while it runs (on a terminal), then its time and arithmetic. */
export interface PartReport {
  /** Ends the part before, if there is one, and begins the next. */
  enter(name: string, kind?: PartKind): void;
  /** Ends the last part; `more` is added to its line. */
  end(more?: (seconds: number) => string): void;
  stop(): void;
}

export function reportParts(device: Device): PartReport {
  const profile = profileParts(device);
  let current: { name: string; start: number; before: Part | undefined; computes: boolean } | undefined;
  let timer: NodeJS.Timeout | undefined;
  const find = (name: string) => profile.parts().find((part) => part.name === name);

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
