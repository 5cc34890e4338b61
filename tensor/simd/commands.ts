/** What all threads of a team share: a module, a memory it works on, and a list of commands in another memory. */
export interface Shared {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  /** How many there are, the one that records among them. */
  readonly threads: number;
  /** The module's exports, by number. */
  readonly names: readonly string[];
  /** The words of LIST, then those of COMMAND for each place. */
  readonly words: Int32Array;
  /** Arguments, as many to each place as there can be. */
  readonly values: Float64Array;
  readonly layout: typeof LAYOUT;
}

/** Commands are numbered on and on; a command's place is its number modulo the length. */
export const LAYOUT = {
  /** A power of two. Several blocks of a model fit. */
  length: 256,
  mostArguments: 24,
  /** Words of a command: a cache line, so that threads at two commands do not disturb each other. */
  stride: 16,

  // Words of the list.
  /** The number that the next command will have. */
  published: 0,
  /** The oldest command whose place has not been given to another. */
  first: 1,
  /** How many workers are at work, and how many asleep. */
  inside: 2,
  asleep: 3,
  /** What ended the list: 1 + the place of the command that failed. Never cleared. */
  failed: 4,
  /** Set where it failed because a thread was lost. */
  lost: 5,
  commands: 16,

  // Words of a command.
  kernel: 0,
  arguments: 1,
  units: 2,
  /** The smallest portion: others are multiples of it. */
  least: 3,
  /** The next unit that no thread has taken. */
  next: 4,
  /** How many units are done. */
  done: 5,
  /** A thread that takes units and is not done in so many tenths of a second is lost. */
  patience: 6,
} as const;

/** Allocates the list. */
export function createList(): Pick<Shared, 'words' | 'values' | 'layout'> {
  const { length, stride, commands, mostArguments } = LAYOUT;
  const words = commands + length * stride;
  const buffer = new SharedArrayBuffer(4 * words + 8 * length * mostArguments);
  return { words: new Int32Array(buffer, 0, words), values: new Float64Array(buffer, 4 * words), layout: LAYOUT };
}

/**
 * What every thread does, the one that records commands and the workers. Its text is all that a worker gets, so it stands alone.
 *
 * The threads take a command's units, portion by portion, until there are none left, and go on when all of them are done: that is the
 * barrier. A thread that comes late finds nothing to do and is not waited for.
 *
 * @param canWait false on the main thread of a page, which spins
 * @returns runs the commands from number `at` on, and gives the number of the first that is not there yet
 */
export function walker({ module, memory, threads, names, words, values, layout }: Shared, canWait: boolean) {
  const exports = new WebAssembly.Instance(module, { environment: { memory } }).exports as Record<
    string,
    (...given: number[]) => void
  >;
  // Quirk of V8: of a growth between the memory's arrival in a thread and its instance the thread is not told (once in some 300 such
  // growths), and memory.fill and memory.copy trap in the new pages. To grow by nothing reads the size anew; of later growths it is told.
  memory.grow(0);
  const kernels = names.map((name) => exports[name]);
  /** About 150 µs; to be woken takes 30 to 70. */
  const SPINS = 20_000;

  function fail(place: number): void {
    Atomics.compareExchange(words, layout.failed, 0, 1 + place);
  }

  /**
   * Takes units while there are some, each time half of this thread's share of the rest. So the first portions are large and lie together,
   * and the last are small: all threads are done at about the same time, whatever held one of them up (guided self-scheduling,
   * Polychronopoulos and Kuck 1987; half of it as in factoring, Hummel, Schonberg and Flynn 1992).
   */
  function take(place: number, command: number): void {
    const kernel = kernels[words[command + layout.kernel]];
    const units = words[command + layout.units];
    const least = words[command + layout.least];
    const from = place * layout.mostArguments;
    const given = values.subarray(from, from + words[command + layout.arguments]);
    for (;;) {
      const start = Atomics.load(words, command + layout.next);
      if (start >= units) return;
      const portion = least * (Math.floor((units - start) / (2 * threads * least)) || 1);
      const end = Math.min(start + portion, units);
      if (Atomics.compareExchange(words, command + layout.next, start, end) !== start) continue;
      kernel(...given, start, end);
      const done = Atomics.add(words, command + layout.done, end - start) + end - start;
      if (done === units) Atomics.notify(words, command + layout.done);
    }
  }

  /** Until all units are done, or something failed. */
  function barrier(place: number, command: number): void {
    const units = words[command + layout.units];
    const patience = words[command + layout.patience];
    let [before, quiet, since] = [-1, 0, 0];
    for (let spins = 0; ; spins++) {
      const done = Atomics.load(words, command + layout.done);
      if (done === units || Atomics.load(words, layout.failed) !== 0) return;
      if (spins < SPINS) continue;
      if (canWait) Atomics.wait(words, command + layout.done, done, 100);
      // Tenths of a second in which this thread was there to look are counted: a program may be stopped, and go on later.
      const now = performance.now();
      if (done !== before) [before, quiet, since] = [done, 0, now];
      if (now - since < 100) continue;
      since = now;
      if (++quiet > patience) {
        Atomics.store(words, layout.lost, 1);
        fail(place);
      }
    }
  }

  return (at: number): number => {
    while (at !== Atomics.load(words, layout.published)) {
      if (Atomics.load(words, layout.failed) !== 0) return Atomics.load(words, layout.published);
      const place = at & (layout.length - 1);
      const command = layout.commands + place * layout.stride;
      try {
        take(place, command);
      } catch (error) {
        fail(place);
        throw error;
      }
      barrier(place, command);
      at = (at + 1) | 0;
    }
    return at;
  };
}
