import type { Statistics as Numbers } from '../../engine/statistics.ts';
import { exact } from './numbers.ts';

/** What a whole tensor is like. */
export function Statistics({ statistics }: { statistics: Numbers }) {
  const { elements, nan, infinite, min, max, mean, deviation, rms } = statistics;
  const lines = { min, max, mean, deviation, rms };
  return (
    <section class="statistics" aria-label="statistics">
      <dl>
        <div>
          <dt>elements</dt>
          <dd>{elements.toLocaleString('en')}</dd>
        </div>
        {Object.entries(lines).map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{exact(value)}</dd>
          </div>
        ))}
        <div>
          <dt>NaN</dt>
          <dd>{nan + infinite === 0 ? 'none' : `${nan}, and ${infinite} infinite`}</dd>
        </div>
      </dl>
      <Histogram statistics={statistics} />
    </section>
  );
}

const HEIGHT = 48;

function Histogram({ statistics: { histogram, min, max, elements } }: { statistics: Numbers }) {
  const most = Math.max(1, ...histogram);
  const fullest = histogram.indexOf(most);
  const from = (bin: number) => min + ((max - min) * bin) / histogram.length;
  const share = Math.round((100 * most) / elements);
  return (
    <svg
      class="histogram"
      viewBox={`0 0 ${histogram.length} ${HEIGHT}`}
      preserveAspectRatio="none"
      role="img"
      aria-label={`Histogram from ${exact(min)} to ${exact(max)}: most, ${share} %, between ${exact(from(fullest))} and ${exact(from(fullest + 1))}`}
    >
      {histogram.map((count, bin) => (
        // The root makes few elements visible beside many.
        <rect
          key={bin}
          x={bin + 0.1}
          width={0.8}
          y={HEIGHT * (1 - Math.sqrt(count / most))}
          height={HEIGHT * Math.sqrt(count / most)}
        />
      ))}
    </svg>
  );
}
