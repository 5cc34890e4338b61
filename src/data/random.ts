/** Draws that a key decides: what is drawn for one sample depends on no other, so any thread may make any of them. */
export interface Random {
  /** Uniform in [0, 1), of 32 bits. */
  (): number;
  /** Uniform between two numbers. */
  between(least: number, most: number): number;
  /** A whole number, both ends included. */
  whole(least: number, most: number): number;
  chance(probability: number): boolean;
  pick<Item>(items: readonly Item[]): Item;
  /** The items in another order. */
  shuffled<Item>(items: readonly Item[]): Item[];
  /** One of the names, each as often as its share of all shares. */
  share<Name extends string>(shares: Readonly<Partial<Record<Name, number>>>): Name;
}

/** MurmurHash3's last step (Appleby, public domain): every bit of the result depends on every bit given. */
function mix(value: number): number {
  let h = value;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/**
 * The generator of a key, such as a seed, what is drawn, and a sample's index: sfc32 (Doty-Humphrey, PractRand), whose state of 128 bits is
 * hashed from the key.
 *
 * @param key words, and whole numbers up to 2⁵³
 */
export function randomAt(...key: readonly (number | string)[]): Random {
  const state = new Uint32Array(4);
  for (const [lane] of state.entries()) {
    let h = mix(0x9e3779b9 * (lane + 1));
    for (const part of key) {
      const numbers =
        typeof part === 'string'
          ? Array.from(part, (c) => c.codePointAt(0)!)
          : [part >>> 0, Math.floor(part / 2 ** 32)];
      for (const number of numbers) h = mix(Math.imul(h, 31) + number + 0x9e3779b9);
    }
    state[lane] = h;
  }
  let [a, b, c, counter] = state;
  const next = (): number => {
    const t = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (c << 21) | (c >>> 11);
    c = (c + t) | 0;
    return (t >>> 0) / 2 ** 32;
  };
  for (let i = 0; i < 12; i++) next();
  const whole = (least: number, most: number) => least + Math.floor(next() * (most - least + 1));
  const pick = <Item>(items: readonly Item[]): Item => items[whole(0, items.length - 1)];
  return Object.assign(next, {
    whole,
    pick,
    between: (least: number, most: number) => least + next() * (most - least),
    chance: (probability: number) => next() < probability,
    shuffled<Item>(items: readonly Item[]): Item[] {
      const order = [...items];
      for (let i = order.length - 1; i > 0; i--) {
        const other = whole(0, i);
        [order[i], order[other]] = [order[other], order[i]];
      }
      return order;
    },
    share<Name extends string>(shares: Readonly<Partial<Record<Name, number>>>): Name {
      const entries = Object.entries(shares) as [Name, number][];
      let left = next() * entries.reduce((sum, [, share]) => sum + share, 0);
      for (const [name, share] of entries) {
        left -= share;
        if (left < 0) return name;
      }
      return entries[entries.length - 1][0];
    },
  });
}
