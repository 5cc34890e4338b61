import type { Station } from '../../engine/station.ts';
import { shown } from '../parts/scales.ts';
import { GoldenLine } from './golden-line.tsx';
import { Inline, Prose } from './prose.tsx';
import { firstSentence, lineOf, operationOf, sources } from './sources.ts';
import { walkOnTo } from './state.ts';

/** What a station is: its shape, what made it of what, and where that stands in the sources. */
export function StationCard({ station }: { station: Station }) {
  const { name, aliases, axes, shape, made } = station;
  return (
    <section class="card" aria-label={`about ${name}`}>
      <h2>{name}</h2>
      {aliases.length > 0 && <p class="note">The same tensor as {aliases.join(', ')}.</p>}
      <dl>
        <dt>shape</dt>
        <dd>
          {axes.map((axis) => `${axis.name} ${axis.size}`).join(' × ')}
          {shape.length !== axes.length && `, stored as ${shape.join(' × ')}`}
        </dd>
        {made ? <MadeBy made={made} /> : <GivenBy />}
        <NamedIn name={name} />
        <GoldenLine names={[name, ...aliases]} />
      </dl>
      {typeof sources.value === 'string' && <p role="alert">{sources.value}</p>}
    </section>
  );
}

const GivenBy = () => (
  <>
    <dt>made by</dt>
    <dd>the host: no operation made it</dd>
  </>
);

function MadeBy({ made }: { made: NonNullable<Station['made']> }) {
  const operation = operationOf(made.operation);
  const sizes = Object.entries(made.sizes).map(
    ([letter, size]) => `${letter} = ${Number.isInteger(size) ? size : shown(size)}`,
  );
  return (
    <>
      <dt>made by</dt>
      <dd>
        <code>{made.operation}</code>
        {operation && (
          <>
            {' '}
            <Place file={operation.file} line={operation.line} />
            <p class="formula">
              <Inline text={firstSentence(operation.comment)} />
            </p>
            <details>
              <summary>all that its comment says</summary>
              <Prose comment={operation.comment} />
            </details>
            {operation.kernels && operation.kernels.length > 0 && (
              <details>
                <summary>what one thread computes</summary>
                {operation.kernels.map(({ name, text }) => (
                  <pre key={name}>{text}</pre>
                ))}
              </details>
            )}
          </>
        )}
      </dd>
      <dt>signature</dt>
      <dd>
        <code>{made.signature}</code>
        {sizes.length > 0 && <p class="note">{sizes.join(', ')}</p>}
      </dd>
      <dt>from</dt>
      <dd>
        <ul class="inputs">
          {made.inputs.map(({ input, from }) => (
            <li key={input}>
              <code>{input}</code>{' '}
              <button type="button" onClick={() => walkOnTo(from)}>
                {from}
              </button>
            </li>
          ))}
        </ul>
      </dd>
      <dt>cost</dt>
      <dd>
        {count(made.operations)} FLOP, {count(made.bytes)} bytes moved
      </dd>
    </>
  );
}

function NamedIn({ name }: { name: string }) {
  const found = lineOf(name);
  if (!found) return null;
  const { line, within } = found;
  return (
    <>
      <dt>in</dt>
      <dd>
        <Place file={line.file} line={line.line} />
        {within && `, ${within.name}`}
        <pre>{line.code}</pre>
        {within && (
          <details>
            <summary>the function</summary>
            <Prose comment={within.comment} />
            <pre>{within.text}</pre>
          </details>
        )}
      </dd>
    </>
  );
}

const Place = ({ file, line }: { file: string; line: number }) => (
  <code class="place">
    {file}:{line}
  </code>
);

const count = (value: number): string => value.toLocaleString('en');
