import { useEffect, useRef } from 'preact/hooks';
import type { Station } from '../../engine/station.ts';
import { station as chosen, goTo, walk } from './state.ts';

/** All stations, by part and block; the block of the one that is looked at is open. */
export function StationList() {
  const { stations } = walk.value as { stations: readonly Station[] };
  const groups = new Map<string, Station[]>();
  for (const station of stations) {
    const key = `${station.part} · ${station.group}`;
    groups.set(key, [...(groups.get(key) ?? []), station]);
  }
  const list = useRef<HTMLElement>(null);
  // The list alone is scrolled to it: the page stays where it is.
  useEffect(() => {
    const button = list.current?.querySelector<HTMLElement>('[aria-current]');
    if (!list.current || !button) return;
    const { scrollTop, clientHeight } = list.current;
    const at = button.offsetTop - scrollTop;
    if (at < 0 || at + button.offsetHeight > clientHeight) list.current.scrollTop = button.offsetTop - clientHeight / 2;
  }, [chosen.value]);
  return (
    <nav class="stations" aria-label="Stations" ref={list}>
      {[...groups].map(([title, members]) => (
        <details key={title} open={members.some((station) => station === chosen.value)}>
          <summary>{title}</summary>
          <ul>
            {members.map((station) => (
              <li key={station.name}>
                <button
                  type="button"
                  title={station.name}
                  aria-current={station === chosen.value ? 'true' : undefined}
                  class={station.named ? '' : 'between'}
                  onClick={() => goTo(station.name)}
                >
                  {shortName(station)}
                </button>
              </li>
            ))}
          </ul>
        </details>
      ))}
    </nav>
  );
}

/** Without what all of its block have. */
function shortName({ name, group }: Station): string {
  const [path, operation] = name.split(':');
  if (operation !== undefined) return operation.replace(/\.(\d+)$/, ' $1');
  if (/\.\d+$/.test(path) && !path.includes(group)) return path.replace(/\.(\d+)$/, ' $1');
  const at = path.indexOf(`${group}.`);
  if (at >= 0) return path.slice(at + group.length + 1);
  return path.endsWith(group) ? 'output' : path.replace(/^transformer\.(visual\.)?(?=.)/, '');
}
