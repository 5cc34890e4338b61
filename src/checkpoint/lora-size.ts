import type { Checkpoint } from './checkpoint.ts';

/**
 * How large the change of a layer is beside its weight: `‖s·B·A‖ / ‖W‖`, Frobenius norms. The product is never made:
 * `‖B·A‖² = Σᵢⱼ (BᵀB)ᵢⱼ · (A·Aᵀ)ᵢⱼ`.
 *
 * @param checkpoint with a LoRA adapter put on
 * @param module one of the layers that it changes
 */
export async function relativeChange({ load, lora }: Checkpoint, module: string): Promise<number> {
  const names = [`${module}.lora_A.weight`, `${module}.lora_B.weight`] as const;
  const [[r, K], [N]] = names.map((name) => lora!.get(name)!);
  const [A, B] = await Promise.all(names.map((name) => load(name)));
  let change = 0;
  for (let i = 0; i < r; i++) {
    for (let j = 0; j <= i; j++) {
      let [ofA, ofB] = [0, 0];
      for (let k = 0; k < K; k++) ofA += A[i * K + k] * A[j * K + k];
      for (let n = 0; n < N; n++) ofB += B[n * r + i] * B[n * r + j];
      change += (i === j ? 1 : 2) * ofA * ofB;
    }
  }
  let whole = 0;
  for (const value of await load(`${module}.weight`)) whole += value * value;
  return Math.sqrt(Math.max(0, change) / whole);
}

/** The layers that an adapter changes, in the checkpoint's order. */
export const changedLayers = ({ lora }: Checkpoint): readonly string[] =>
  [...(lora?.keys() ?? [])].flatMap((name) =>
    name.endsWith('.lora_A.weight') ? [name.slice(0, -'.lora_A.weight'.length)] : [],
  );
