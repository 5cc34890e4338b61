import { signal } from '@preact/signals';
import type { Looked } from '../../engine/look.ts';
import type { Opened } from '../../engine/open.ts';
import { call } from '../engine.ts';
import { ensureAsked, failed, type PageExchange } from '../exchange.ts';
import { refused } from '../model.ts';

/** An exchange with what there is to look into. */
export interface Looking extends Looked {
  /** Counts exchanges: what was computed of another is of no use. */
  readonly number: number;
  readonly exchange: PageExchange;
  readonly model: Opened;
  /** The addresses of those pictures of the conversation that the prompt still holds. */
  readonly addresses: readonly string[];
}

/** What is looked into now; a text says why there is nothing. */
export const looking = signal<Looking | string | undefined>(undefined);

let number = 0;
/** The exchange that is looked into, or about to be. */
let wanted: PageExchange | undefined;

/** Looks into the last exchange, or into the answer to what the address asks. */
export async function lookAgain(): Promise<void> {
  const exchange = await ensureAsked();
  if (exchange !== undefined && exchange === wanted) return;
  wanted = exchange;
  looking.value = undefined;
  if (!exchange?.model) {
    looking.value = failed.value ?? refused.value ?? 'Ask something about a picture first.';
    return;
  }
  const { model } = exchange;
  try {
    const looked = await call('look', null);
    if (wanted !== exchange) return;
    const addresses = exchange.pictures.slice(exchange.pictures.length - looked.pictures.length);
    looking.value = {
      ...looked,
      ...{ number: number++, exchange, model, addresses: addresses.map(({ address }) => address) },
    };
  } catch (error) {
    if (wanted !== exchange) return;
    wanted = undefined;
    looking.value = (error as Error).message;
  }
}
