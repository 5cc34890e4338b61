import type { Launch } from '../../tensor/device.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { Model } from '../model/qwen-vl.ts';

/** What made a tensor. */
export interface Made {
  readonly op: string;
  /** Undefined where it ran before anyone watched. */
  readonly launch: Launch | undefined;
}

/** Where tensors come from. */
export interface History {
  /** What made this one; undefined for weights and for what the host computed. */
  madeBy(tensor: Tensor): Made | undefined;
  /**
   * What ran to make a tensor out of those that were asked for before: found through its inputs, in the order in which it ran.
   * Nothing for one that was asked for before.
   */
  since(tensor: Tensor): Made[];
}

interface Known extends Made {
  readonly inputs: readonly (Tensor | undefined)[];
  readonly order: number;
}

/** Runs `work` with the history of all that it launches, and of the model's tables, which were made when it was loaded. */
export function watchingHistory({ device, weights, positions }: Model, work: (history: History) => void): void {
  const known = new Map<Tensor, Known>();
  for (const table of Object.values(positions)) {
    // A table whose grid fits is the weight itself.
    if (!Object.hasOwn(weights, table.label)) {
      known.set(table, { op: table.label, launch: undefined, inputs: [], order: known.size });
    }
  }
  const before = device.onLaunch;
  device.onLaunch = (launch, output, inputs) => {
    known.set(output, { op: launch.op, launch, inputs, order: known.size });
    before?.(launch, output, inputs);
  };
  try {
    work(historyOf(known));
  } finally {
    device.onLaunch = before;
  }
}

function historyOf(known: ReadonlyMap<Tensor, Known>): History {
  const asked = new Set<Tensor>();
  return {
    madeBy: (tensor) => known.get(tensor),
    since(tensor) {
      const found = new Set<Known>();
      const left = [tensor];
      for (let at = left.pop(); at !== undefined; at = left.pop()) {
        const made = asked.has(at) ? undefined : known.get(at);
        if (!made || found.has(made)) continue;
        found.add(made);
        for (const input of made.inputs) if (input) left.push(input);
      }
      asked.add(tensor);
      return [...found].sort((a, b) => a.order - b.order);
    },
  };
}
