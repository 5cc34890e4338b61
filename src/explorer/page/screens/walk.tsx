import { useEffect } from 'preact/hooks';
import './walk.css';
import { last } from '../exchange.ts';
import { opened } from '../model.ts';
import { HeatMap } from '../walk/heat-map.tsx';
import { fetchSources } from '../walk/sources.ts';
import { cell, station, stationName, tensor, type Walk, walk, walkAgain } from '../walk/state.ts';
import { StationCard } from '../walk/station-card.tsx';
import { StationList } from '../walk/station-list.tsx';
import { SumPanel } from '../walk/sum-panel.tsx';
import { Tour } from '../walk/tour.tsx';
import { Trail } from '../walk/trail.tsx';

/** Every station of the pass that gave the first token of the last answer, and every number of it. */
export function WalkScreen() {
  useEffect(() => void walkAgain(), [last.value, opened.value]);
  useEffect(() => void fetchSources(), []);
  if (walk.value === undefined) return <p role="status">walking through the pass …</p>;
  if (typeof walk.value === 'string') return <p role="alert">{walk.value}</p>;
  return (
    <div class="walk">
      <p class="note">
        The pass over the prompt, from pixels to scores: it gave the first token of “{walk.value.exchange.answered.text}
        ”.
      </p>
      <Tour />
      <div class="columns">
        <StationList />
        <Shown walk={walk.value} />
      </div>
    </div>
  );
}

function Shown({ walk: { number } }: { walk: Walk }) {
  const shown = tensor.value;
  if (!shown)
    return <p role="alert">No station of this pass is called “{stationName.value}”. Choose one of the list.</p>;
  return (
    <div class="station">
      {station.value ? (
        <StationCard station={station.value} />
      ) : (
        <section class="card" aria-label={`about ${shown.name}`}>
          <h2>{shown.name}</h2>
          <p>A weight of the checkpoint, {shown.shape.join(' × ')}.</p>
        </section>
      )}
      <HeatMap name={shown.name} shape={shown.shape} number={number} />
      {cell.value ? <SumPanel cell={cell.value} number={number} /> : <Trail />}
    </div>
  );
}
