import { batch, effect, type Signal, signal } from '@preact/signals';

/** All state of the page that can be shared is in its address, behind the #: a name and a text for each. */
const known = signal<ReadonlyMap<string, { readonly state: Signal<string>; readonly usual: string }>>(new Map());

let values = new URLSearchParams(location.hash.slice(1));

/**
 * A piece of state that is in the address, where it is left out as long as it is the usual one. It follows the address, too: back and
 * forward, and a link that is opened.
 *
 * @param name in the address; each once
 */
export function inAddress(name: string, usual: string): Signal<string> {
  const before = known.peek().get(name);
  if (before) return before.state;
  const state = signal(values.get(name) ?? usual);
  known.value = new Map(known.peek()).set(name, { state, usual });
  return state;
}

/**
 * Keeps the address and the state the same, from now on. A change of the screen is a step that "back" takes back. What no loaded screen knows
 * stays in the address: it belongs to one that is still to come.
 */
export function followAddress(screen: Signal<string>): void {
  let last = screen.value;
  effect(() => {
    const next = new URLSearchParams([...values].filter(([name]) => !known.value.has(name)));
    for (const [name, { state, usual }] of known.value) if (state.value !== usual) next.set(name, state.value);
    if (next.toString() === values.toString()) return;
    values = next;
    const address = next.size > 0 ? `#${next}` : location.pathname + location.search;
    if (screen.value === last) history.replaceState(null, '', address);
    else history.pushState(null, '', address);
    last = screen.value;
  });
  addEventListener('popstate', () => {
    values = new URLSearchParams(location.hash.slice(1));
    last = values.get('screen') ?? known.peek().get('screen')?.usual ?? last;
    batch(() => {
      for (const [name, { state, usual }] of known.peek()) state.value = values.get(name) ?? usual;
    });
  });
}

/** What a text of the address chooses of several; undefined where it names none: an address can say anything. */
export const named = <Name extends string>(choices: Readonly<Record<Name, unknown>>, name: string): Name | undefined =>
  Object.hasOwn(choices, name) ? (name as Name) : undefined;
