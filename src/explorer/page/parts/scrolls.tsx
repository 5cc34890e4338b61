import type { ComponentChildren } from 'preact';
import './scrolls.css';

/** What may be wider than the page: it is scrolled by itself, by keyboard too. `numbers` is how a table of them is set. */
export function Scrolls(given: {
  readonly label: string;
  readonly numbers?: boolean;
  readonly children: ComponentChildren;
}) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard
    <section class={given.numbers ? 'scrolls numbers' : 'scrolls'} tabIndex={0} aria-label={given.label}>
      {given.children}
    </section>
  );
}
