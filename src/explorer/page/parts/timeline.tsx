import { useState } from 'preact/hooks';
import { milliseconds, scaled, shapeText } from '../../../profile/text.ts';
import type { Trace, TraceEvent } from '../../../profile/trace-events.ts';
import { Canvas, type Drawing } from './canvas.tsx';
import { colourOf } from './part-colours.ts';

/** A stretch of time, and the part it is in. All times are milliseconds. */
interface Stretch {
  readonly name: string;
  readonly lane: number;
  readonly start: number;
  readonly end: number;
  readonly part: string;
  readonly about: Readonly<Record<string, unknown>>;
}

const LANES = ['parts', 'blocks', 'operations and transfers', 'kernels'];
const LANE_OF: Readonly<Record<string, number>> = { part: 0, block: 1, kernel: 3 };
const LANE_HEIGHT = 30;
const HEIGHT = LANES.length * LANE_HEIGHT + 24;
/** How much of the time a step of the keys moves or zooms. */
const STEP = 0.25;

/** The stretches of one pass, in the order in which they begin. */
export function stretchesOf({ traceEvents }: Trace, pass: number): Stretch[] {
  const events = traceEvents.filter((event) => event.pid === pass && event.ph === 'X') as (TraceEvent & { ph: 'X' })[];
  let part = '';
  return events
    .sort((a, b) => a.ts - b.ts)
    .map(({ name, cat, ts, dur, args }) => {
      if (cat === 'part') part = name;
      return { name, lane: LANE_OF[cat] ?? 2, start: ts / 1000, end: (ts + dur) / 1000, part, about: args };
    });
}

/** One pass in time. Arrow keys go from one to the next and between lanes, + and − zoom, 0 shows all. */
export function Timeline({ stretches }: { readonly stretches: readonly Stretch[] }) {
  const whole: readonly [number, number] = [0, stretches.reduce((end, stretch) => Math.max(end, stretch.end), 0)];
  const [[from, to], show] = useState(whole);
  const [at, setAt] = useState(0);
  const looked = stretches[Math.min(at, stretches.length - 1)];
  const between = (from: number, to: number) => {
    const span = Math.min(to - from, whole[1]);
    const start = Math.max(0, Math.min(whole[1] - span, from));
    show([start, start + span]);
  };
  /** Keeps what is looked at where it is. */
  const zoom = (factor: number) => {
    const middle = (Math.max(from, looked.start) + Math.min(to, looked.end)) / 2;
    const centre = middle > from && middle < to ? middle : (from + to) / 2;
    between(centre - (centre - from) * factor, centre + (to - centre) * factor);
  };
  const look = (index: number) => {
    setAt(index);
    const { start, end } = stretches[index];
    if (end > from && start < to) return;
    between(start - (to - from) / 2, start + (to - from) / 2);
  };
  const onKey = (key: string): boolean => {
    const forward = key === 'ArrowRight' ? 1 : key === 'ArrowLeft' ? -1 : 0;
    const down = key === 'ArrowDown' ? 1 : key === 'ArrowUp' ? -1 : 0;
    if (forward) {
      const inLane = stretches.flatMap((stretch, i) => (stretch.lane === looked.lane ? [i] : []));
      look(inLane[Math.max(0, Math.min(inLane.length - 1, inLane.indexOf(at) + forward))]);
    } else if (down) look(neighbour(stretches, at, down));
    else if (key === '+' || key === '=') zoom(1 - STEP);
    else if (key === '-') zoom(1 / (1 - STEP));
    else if (key === '0') between(...whole);
    else return false;
    return true;
  };
  let width = 1;
  const draw = (drawing: Drawing) => {
    width = drawing.width;
    drawStretches(drawing, stretches, [from, to], looked);
  };
  return (
    <section aria-label="Timeline">
      <p class="buttons">
        <button type="button" onClick={() => zoom(0.5)}>
          Zoom in
        </button>{' '}
        <button type="button" onClick={() => zoom(2)}>
          Zoom out
        </button>{' '}
        <button type="button" onClick={() => between(...whole)}>
          All of it
        </button>
        <span class="note">
          {' '}
          {milliseconds(from)} to {milliseconds(to)} ms. Arrow keys go from one to the next, + and − zoom, 0 shows all;
          drag to move.
        </span>
      </p>
      <Canvas
        label="Timeline: parts, blocks, operations and kernels in time"
        height={HEIGHT}
        draw={draw}
        onKey={onKey}
        onPoint={(x, y, dragged) => {
          const scale = (to - from) / width;
          if (dragged !== 0) return between(from - dragged * scale, to - dragged * scale);
          const [time, lane] = [from + x * scale, Math.floor(y / LANE_HEIGHT)];
          const under = stretches.findIndex((one) => one.lane === lane && one.start <= time && time <= one.end);
          if (under >= 0) setAt(under);
        }}
      />
      <output class="looked" aria-live="polite">
        {looked && describe(looked)}
      </output>
    </section>
  );
}

/** What lies in the next lane at the same time, or else nearest to it. */
function neighbour(stretches: readonly Stretch[], at: number, down: number): number {
  const { lane, start, end } = stretches[at];
  const distance = (one: Stretch) => Math.max(0, one.start - end, start - one.end) + Math.abs(one.start - start) / 1e6;
  let best = at;
  for (const [i, one] of stretches.entries()) {
    if (one.lane === lane + down && (best === at || distance(one) < distance(stretches[best]))) best = i;
  }
  return best;
}

function drawStretches(
  { context, width, text }: Drawing,
  stretches: readonly Stretch[],
  [from, to]: readonly [number, number],
  looked: Stretch | undefined,
): void {
  const x = (time: number) => ((time - from) / (to - from)) * width;
  for (const one of stretches) {
    if (one.end < from || one.start > to) continue;
    const [left, top] = [Math.max(0, x(one.start)), one.lane * LANE_HEIGHT + 2];
    const wide = Math.max(1, Math.min(width, x(one.end)) - left);
    context.fillStyle = colourOf(one.part);
    context.fillRect(left, top, wide, LANE_HEIGHT - 4);
    if (wide > 3) {
      context.strokeStyle = text;
      context.lineWidth = 0.5;
      context.strokeRect(left, top, wide, LANE_HEIGHT - 4);
    }
    const label = wide > 30 ? fitted(context, one.name, wide - 8) : '';
    context.fillStyle = '#000000';
    context.fillText(label, left + 4, top + 17);
    if (one === looked) {
      context.strokeStyle = text;
      context.lineWidth = 3;
      context.strokeRect(left, top, wide, LANE_HEIGHT - 4);
    }
  }
  context.fillStyle = text;
  const ticks = width < 500 ? 2 : 4;
  for (let i = 0; i <= ticks; i++) {
    const time = from + ((to - from) * i) / ticks;
    context.textAlign = i === 0 ? 'left' : i === ticks ? 'right' : 'center';
    context.fillText(`${milliseconds(time)} ms`, x(time), HEIGHT - 6);
  }
  context.textAlign = 'left';
}

/** As much of a name as there is room for, from its end: that is what tells blocks apart. */
function fitted(context: CanvasRenderingContext2D, name: string, room: number): string {
  if (context.measureText(name).width <= room) return name;
  for (let from = 1; from < name.length; from++) {
    const cut = `…${name.slice(from)}`;
    if (context.measureText(cut).width <= room) return cut;
  }
  return '';
}

function describe({ name, lane, start, end, part, about }: Stretch): string {
  const { path, tap, shape, operations, bytes, source } = about;
  return [
    `${LANES[lane]}: ${name}${lane === 0 ? '' : `, in ${part}`}`,
    `${milliseconds(end - start)} ms from ${milliseconds(start)} ms on`,
    (tap ?? path) ? String(tap ?? path) : '',
    Array.isArray(shape) ? shapeText(shape) : '',
    typeof operations === 'number' ? scaled(operations, 'FLOP') : '',
    typeof bytes === 'number' ? scaled(bytes, 'B') : '',
    typeof source === 'string' && source !== 'awaited' ? `by the clock ${source}` : '',
  ]
    .filter((words) => words !== '')
    .join(' · ');
}
