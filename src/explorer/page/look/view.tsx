import type { ComponentChildren } from 'preact';

/** What a view shows, and whether it still is that of what was chosen before. */
export function View({
  busy,
  error,
  children,
}: {
  busy: boolean;
  error: string | undefined;
  children: ComponentChildren;
}) {
  return (
    <section class="view" aria-label="What was read" aria-busy={busy}>
      {error && <p role="alert">{error}</p>}
      {children}
    </section>
  );
}
