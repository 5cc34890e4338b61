import { patchGrid } from '../../architecture/config.ts';
import { parameterCount } from '../../checkpoint/checkpoint.ts';
import type { DeviceName } from '../../open-device.ts';
import { openEngine } from './engine.ts';
import { droppedFolder, fetchedFolder } from './page-folders.ts';
import type { Context } from './service.ts';

/** Where a model comes from: an address with a list of files, or files that were dropped. */
export type ModelSource = { readonly address: string } | { readonly files: readonly File[]; readonly name: string };

/** What the page knows of an open model. */
export interface Opened {
  /** What computes, as the device says it. */
  readonly ran: string;
  readonly note: string | undefined;
  readonly device: string;
  readonly threads: number;
  /** What the checkpoint asks for and is not done here. */
  readonly notes: readonly string[];
  readonly parameters: number;
  /** Patches a side, rows of the adapter a side, and how many layers and heads each part has. */
  readonly grid: number;
  readonly queries: number;
  readonly vision: { readonly layers: number; readonly heads: number };
  readonly decoder: { readonly layers: number; readonly heads: number };
}

/** Opens a model on a device. What was open before stays so where this fails. */
export async function open(
  { device, threads, model }: { readonly device: DeviceName; readonly threads: number; readonly model: ModelSource },
  { replace, report }: Context<{ readonly bytes: number }>,
): Promise<Opened> {
  let bytes = 0;
  const count = (more: number) => {
    bytes += more;
    report({ bytes });
  };
  const folder =
    'address' in model ? await fetchedFolder(model.address, count) : droppedFolder(model.files, model.name);
  const engine = await openEngine({ device, threads, folder });
  await replace(engine);
  const { checkpoint } = engine.system;
  const { config } = checkpoint;
  const { visual } = config;
  return {
    ran: engine.device.description,
    note: engine.note,
    device: engine.device.name,
    threads,
    notes: checkpoint.notes,
    parameters: parameterCount(checkpoint),
    grid: patchGrid(visual),
    queries: Math.sqrt(visual.n_queries),
    vision: { layers: visual.layers, heads: visual.heads },
    decoder: { layers: config.num_hidden_layers, heads: config.num_attention_heads },
  };
}
