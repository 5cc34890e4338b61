import { useState } from 'preact/hooks';
import { bandwidthOf } from '../../../profile/rates.ts';
import type { Roofs } from '../../../profile/roofs.ts';
import { digits, milliseconds, percent } from '../../../profile/text.ts';
import type { Operation } from '../profiling.ts';
import { Canvas, type Drawing } from './canvas.tsx';
import { colourOf } from './part-colours.ts';

const HEIGHT = 360;
const EDGE = { left: 56, right: 12, top: 28, bottom: 36 };
/** Points are circles whose areas are times, of these radii in pixels. */
const RADIUS = { least: 4, most: 20 };

/** Where a point lies, in CSS pixels. */
interface Placed {
  readonly x: number;
  readonly y: number;
  readonly r: number;
}

/**
 * Operations under the roofs of their device (Williams, Waterman and Patterson 2009): operations a byte against GFLOP/s, both
 * logarithmic. What does no operations, such as a copy, has no place in it.
 */
export function Roofline({ operations, roofs }: { readonly operations: readonly Operation[]; readonly roofs: Roofs }) {
  const shown = operations.filter(({ arithmetic, operations }) => operations > 0 && arithmetic !== null);
  const [at, setAt] = useState(0);
  const looked: Operation | undefined = shown[Math.min(at, shown.length - 1)];
  let placed: readonly Placed[] = [];
  const draw = (drawing: Drawing) => {
    const scales = scalesOf(shown, roofs, drawing.width);
    placed = placesOf(shown, scales);
    drawRoofs(drawing, roofs, scales);
    drawPoints(drawing, shown, placed, looked);
  };
  const onKey = (key: string): boolean => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[key];
    if (!step) return false;
    setAt(Math.max(0, Math.min(shown.length - 1, at + step)));
    return true;
  };
  return (
    <section aria-label="Roofline">
      <Canvas
        label="Roofline: operations by arithmetic intensity and speed, under the roofs of the device; the table below has the numbers"
        height={HEIGHT}
        draw={draw}
        onKey={onKey}
        onPoint={(x, y) => {
          const under = placed.findLastIndex((point) => Math.hypot(point.x - x, point.y - y) <= point.r + 2);
          if (under >= 0) setAt(under);
        }}
      />
      <output class="looked" aria-live="polite">
        {looked && describe(looked)}
      </output>
    </section>
  );
}

const describe = (point: Operation): string =>
  `${point.name}, most of it in ${point.part}: ${point.launches} launches · ${milliseconds(point.milliseconds)} ms · ${digits(point.arithmetic)} GFLOP/s · ${digits(point.intensity)} FLOP/B · ${percent(point.share)} of the ${point.limit ?? 'unknown'} roof`;

interface Scale {
  readonly low: number;
  readonly high: number;
  at(value: number): number;
}

/** A logarithmic scale over whole decades. */
function scale(values: readonly number[], from: number, to: number): Scale {
  const low = Math.floor(Math.log10(Math.min(...values)));
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...values))));
  return { low, high, at: (value) => from + ((Math.log10(value) - low) / (high - low)) * (to - from) };
}

interface Scales {
  readonly across: Scale;
  readonly up: Scale;
}

function scalesOf(shown: readonly Operation[], { multiplyAdd, memory }: Roofs, width: number): Scales {
  const ridge = multiplyAdd / memory;
  const intensities = [...shown.map(({ intensity }) => intensity), ridge / 10, ridge * 10];
  const speeds = [...shown.map(({ arithmetic }) => arithmetic!), multiplyAdd, multiplyAdd / 100];
  return {
    across: scale(intensities, EDGE.left, width - EDGE.right),
    up: scale(speeds, HEIGHT - EDGE.bottom, EDGE.top),
  };
}

function placesOf(shown: readonly Operation[], { across, up }: Scales): Placed[] {
  const longest = Math.max(...shown.map((point) => point.milliseconds ?? 0));
  return shown.map((point) => ({
    x: across.at(point.intensity),
    y: up.at(point.arithmetic!),
    r: Math.max(RADIUS.least, RADIUS.most * Math.sqrt((point.milliseconds ?? 0) / longest)),
  }));
}

/** Axes with their decades, and the roofs: memory, the fastest cache, arithmetic. */
function drawRoofs({ context, width, text }: Drawing, roofs: Roofs, { across, up }: Scales): void {
  context.fillStyle = text;
  context.strokeStyle = text;
  context.lineWidth = 0.25;
  const line = (x1: number, y1: number, x2: number, y2: number) => {
    context.beginPath();
    context.moveTo(x1, y1);
    context.lineTo(x2, y2);
    context.stroke();
  };
  context.textAlign = 'center';
  for (let power = across.low; power <= across.high; power++) {
    const x = across.at(10 ** power);
    line(x, EDGE.top, x, HEIGHT - EDGE.bottom);
    context.fillText(
      power >= -3 ? String(10 ** power) : `1e${power}`,
      Math.min(x, width - 20),
      HEIGHT - EDGE.bottom + 14,
    );
  }
  context.fillText('operations a byte', (EDGE.left + width) / 2, HEIGHT - 6);
  context.textAlign = 'right';
  for (let power = up.low; power <= up.high; power++) {
    const y = up.at(10 ** power);
    line(EDGE.left, y, width - EDGE.right, y);
    context.fillText(power >= -3 ? String(10 ** power) : `1e${power}`, EDGE.left - 6, y + 4);
  }
  context.textAlign = 'left';
  context.fillText('GFLOP/s', 2, 14);
  context.lineWidth = 2;
  const fastest = bandwidthOf(0, roofs) ?? roofs.memory;
  for (const rate of new Set([roofs.memory, fastest])) {
    const from = Math.max(10 ** across.low, 10 ** up.low / rate);
    const to = Math.min(10 ** across.high, roofs.multiplyAdd / rate);
    if (to <= from) continue;
    line(across.at(from), up.at(rate * from), across.at(to), up.at(rate * to));
    const called = rate === roofs.memory ? 'memory' : 'fastest cache';
    slanted(
      context,
      `${called}, ${digits(rate)} GB/s`,
      [across.at(from), up.at(rate * from)],
      [across.at(to), up.at(rate * to)],
    );
  }
  const ridge = Math.max(10 ** across.low, roofs.multiplyAdd / fastest);
  const top = up.at(roofs.multiplyAdd);
  line(across.at(ridge), top, width - EDGE.right, top);
  context.textAlign = 'right';
  context.fillText(`multiply-adds, ${digits(roofs.multiplyAdd)} GFLOP/s`, width - EDGE.right, top - 6);
  context.textAlign = 'left';
}

/** Words along a line, above its beginning. */
function slanted(
  context: CanvasRenderingContext2D,
  words: string,
  [x, y]: readonly [number, number],
  [toX, toY]: readonly [number, number],
): void {
  context.save();
  context.translate(x, y);
  context.rotate(Math.atan2(toY - y, toX - x));
  context.fillText(words, 6, -5);
  context.restore();
}

function drawPoints(
  { context, text, width }: Drawing,
  shown: readonly Operation[],
  placed: readonly Placed[],
  looked: Operation | undefined,
): void {
  for (const [i, { x, y, r }] of placed.entries()) {
    context.beginPath();
    context.arc(x, y, r, 0, 2 * Math.PI);
    context.fillStyle = colourOf(shown[i].part);
    context.fill();
    context.strokeStyle = text;
    context.lineWidth = shown[i] === looked ? 3 : 1;
    context.stroke();
  }
  const taken: { from: number; to: number; y: number }[] = [];
  context.fillStyle = text;
  for (const [i, { x, y, r }] of placed.entries()) {
    const wide = context.measureText(shown[i].name).width;
    const from = x + r + 4 + wide < width ? x + r + 4 : x - r - 4 - wide;
    const free = taken.every((other) => from > other.to || from + wide < other.from || Math.abs(y - other.y) > 13);
    if (!free) continue;
    taken.push({ from, to: from + wide, y });
    context.fillText(shown[i].name, from, y + 4);
  }
}
