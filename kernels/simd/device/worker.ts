import type { Setup } from './team.ts';

/**
 * The life of a worker: it sleeps until a run begins, takes units of it until there are none left, and sleeps again. It stands
 * alone, for its text is all that the worker gets.
 *
 * A worker that wakes late finds the run over: it says that it is inside before it looks, and whoever ends a run waits until
 * nobody is inside. So a kernel never sees the arguments of two runs.
 */
export function work({ module, memory, names, control, values, words }: Setup): void {
  const exports = new WebAssembly.Instance(module, { environment: { memory } }).exports as Record<
    string,
    (...given: number[]) => void
  >;
  const SPINS = 2000;
  let seen = 0;
  for (;;) {
    let run = Atomics.load(control, words.run);
    for (let spin = 0; run === seen || run === 0; spin++) {
      if (spin > SPINS) Atomics.wait(control, words.run, run);
      run = Atomics.load(control, words.run);
    }
    if (run < 0) return;
    seen = run;
    Atomics.add(control, words.inside, 1);
    if (Atomics.load(control, words.run) === run) {
      try {
        const kernel = exports[names[control[words.kernel]]];
        const given = Array.from(values.subarray(0, control[words.count]));
        const units = control[words.units];
        const share = control[words.share];
        for (let at = Atomics.add(control, words.next, share); at < units; ) {
          kernel(...given, at, Math.min(at + share, units));
          at = Atomics.add(control, words.next, share);
        }
      } catch {
        Atomics.store(control, words.failed, 1);
      }
    }
    Atomics.sub(control, words.inside, 1);
    Atomics.notify(control, words.inside);
  }
}
