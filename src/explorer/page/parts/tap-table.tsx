import { signal } from '@preact/signals';
import type { Mode } from '../../../verify/compare.ts';
import { listOperations } from '../../../verify/divergence.ts';
import type { JudgedTap } from '../../../verify/report/report.ts';
import { named } from '../address.ts';
import { type Found, found, judgedIn, mode } from '../verification.ts';
import { Scrolls } from './scrolls.tsx';
import { Select } from './select.tsx';

const MODES: Readonly<Record<Mode, string>> = {
  free: 'free: our own activations all the way',
  forced: 'forced: every block begins with the original’s',
  fused: 'fused: as an answer is computed',
};
const chosenMode = (): Mode => named(MODES, mode.value) ?? 'free';

/** The cell that is looked at: its row and column. */
const at = signal<readonly [number, number]>([0, 0]);
const STEPS: Readonly<Record<string, readonly [number, number]>> = {
  ArrowUp: [-1, 0],
  ArrowDown: [1, 0],
  ArrowLeft: [0, -1],
  ArrowRight: [0, 1],
  PageUp: [-10, 0],
  PageDown: [10, 0],
  Home: [Number.NEGATIVE_INFINITY, 0],
  End: [Number.POSITIVE_INFINITY, 0],
};

const look = (row: number, column: number): void => {
  at.value = [row, column];
};

/** A row an activation, a column a device; arrow keys go from cell to cell. */
export function TapTable() {
  const chosen = chosenMode();
  const ran = found.value.filter(({ verdict }) => verdict.modes.some((each) => each.mode === chosen));
  const names = [
    ...new Set(
      ran.flatMap(({ verdict }) => verdict.modes.find((each) => each.mode === chosen)!.taps.map(({ tap }) => tap.name)),
    ),
  ];
  const [row, column] = inside(at.value, names.length, ran.length);
  const go = (event: KeyboardEvent & { currentTarget: HTMLTableElement }) => {
    const step = STEPS[event.key];
    if (!step) return;
    event.preventDefault();
    const next = inside([row + step[0], column + step[1]], names.length, ran.length);
    at.value = next;
    event.currentTarget.tBodies[0].rows[next[0]].cells[next[1] + 1].focus();
  };
  return (
    <section aria-label="Activations">
      <Select
        label="Mode"
        value={chosen}
        choices={MODES}
        onChoose={(name) => {
          mode.value = name;
        }}
      />
      <p class="note">
        × is in units of PyTorch’s own rounding; where that is not known, it is the share of what is allowed, in % or
        times. Arrow keys go from cell to cell.
      </p>
      <output class="cell" aria-live="polite">
        {ran[column] && describe(names[row], ran[column], judgedIn(ran[column], chosen, names[row]))}
      </output>
      <Scrolls numbers label="Activations by device">
        {/* biome-ignore lint/a11y/noNoninteractiveElementToInteractiveRole: a table of which cells can be walked is a grid (WAI-ARIA) */}
        <table role="grid" onKeyDown={go}>
          <thead>
            <tr>
              <th scope="col">activation</th>
              {ran.map(({ verdict: { run } }) => (
                <th key={run.device.name} scope="col">
                  {run.device.name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {names.map((name, i) => (
              <tr key={name}>
                <th scope="row">{name}</th>
                {ran.map((each, j) => {
                  const judged = judgedIn(each, chosen, name);
                  return (
                    <td
                      key={each.verdict.run.device.name}
                      class={judged?.excess ? 'over' : undefined}
                      tabIndex={i === row && j === column ? 0 : -1}
                      onFocus={() => look(i, j)}
                      onMouseEnter={() => look(i, j)}
                    >
                      {judged ? short(judged) : '–'}
                    </td>
                  );
                })}
              </tr>
            ))}
          </tbody>
        </table>
      </Scrolls>
    </section>
  );
}

const inside = ([row, column]: readonly [number, number], rows: number, columns: number): [number, number] => [
  Math.max(0, Math.min(rows - 1, row)),
  Math.max(0, Math.min(columns - 1, column)),
];

/** A share of what is allowed. */
const percent = (share: number): string =>
  share < 10 ? `${(100 * share).toPrecision(2)} %` : `${share.toExponential(1)} times`;

function short({ tap, share, excess }: JudgedTap): string {
  const found = tap.exact ? `${tap.exact.ratio.toFixed(3)} ×` : percent(share);
  return excess ? `✗ ${found}` : found;
}

function describe(name: string, { verdict: { run } }: Found, judged: JudgedTap | undefined): string {
  const where = `${name} on ${run.device.name}`;
  if (!judged) return `${where}: not compared`;
  const { tap, budget, share, excess } = judged;
  const { worst } = tap.metrics;
  return [
    `${where}: ${excess ? 'over budget' : 'pass'}`,
    `[${tap.shape.join(' × ')}]`,
    `NMSE ${budget.found.toExponential(2)} against PyTorch’s ${budget.against}, allowed ${budget.nmse.toExponential(2)}, ${percent(share)} of what is allowed`,
    `worst at ${tap.place || 'its only element'}: ${worst.actual}, the original has ${worst.reference}`,
    tap.operations.length > 0 ? `made by ${listOperations(tap.operations)}` : 'the same as the one before',
  ].join(' · ');
}
