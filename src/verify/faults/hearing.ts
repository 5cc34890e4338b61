import type { Listener } from '../../../tensor/tap.ts';
import type { Tensor } from '../../../tensor/tensor.ts';

/**
 * A listener that puts other activations in place, made of those heard before: of the same block, for what belongs to another
 * may be freed.
 */
export function hearing(
  substitute: (name: string, heard: (name: string) => Tensor, activation: Tensor) => Tensor | undefined,
): Listener {
  const known = new Map<string, Tensor>();
  const heard = (name: string): Tensor => {
    const found = known.get(name);
    if (!found) throw new Error(`no activation called ${name} was heard so far`);
    return found;
  };
  return (name, activation) => {
    const planted = substitute(name, heard, activation);
    known.set(name, planted ?? activation);
    return planted;
  };
}
