import { useLayoutEffect, useRef } from 'preact/hooks';
import { drawCells, type Scale, shown } from './scales.ts';

const STEPS = 256;

/** What the colours mean. @param unit of the numbers */
export function Legend({ scale, unit }: { scale: Scale; unit: string }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const { kind, low, high } = scale;
  useLayoutEffect(() => {
    const values = Float32Array.from({ length: STEPS }, (_, i) => low + ((high - low) * i) / (STEPS - 1));
    drawCells(canvas.current!, values, STEPS, { kind, low, high });
  }, [kind, low, high]);
  return (
    <p class="legend">
      <span>{shown(low)}</span>
      <canvas ref={canvas} role="img" aria-label={`colours from ${shown(low)} to ${shown(high)}`} />
      <span>
        {shown(high)} {unit}
      </span>
    </p>
  );
}
