import { signal } from '@preact/signals';
import type { GoldenResult } from '../../engine/golden.ts';
import type { Opened } from '../../engine/open.ts';
import { call } from '../engine.ts';
import { last, type PageExchange } from '../exchange.ts';
import { opened } from '../model.ts';

/** The golden of the model that comes along. */
const GOLDEN = { address: new URL('golden', document.baseURI).href, name: 'describe' };

/** What the comparison found: for which exchange and model, a share of it that is done, or why it cannot be had. */
export const checked = signal<
  | { readonly result: GoldenResult; readonly exchange: PageExchange | undefined; readonly model: Opened | undefined }
  | { readonly share: number }
  | { readonly failed: string }
  | undefined
>(undefined);

/** Compares every activation of the golden prompt with PyTorch's. */
export async function checkGolden(): Promise<void> {
  const [exchange, model] = [last.value, opened.value];
  checked.value = { share: 0 };
  try {
    const onReport = ({ done, total }: { readonly done: number; readonly total: number }) => {
      checked.value = { share: done / total };
    };
    checked.value = { result: await call('golden', GOLDEN, { onReport }), exchange, model };
  } catch (error) {
    checked.value = { failed: (error as Error).message };
  }
}
