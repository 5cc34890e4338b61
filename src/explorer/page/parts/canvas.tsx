import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';

/** Where something is drawn: in CSS pixels, with the colour of the text around. */
export interface Drawing {
  readonly context: CanvasRenderingContext2D;
  readonly width: number;
  readonly height: number;
  readonly text: string;
}

/** A drawing that is as wide as its place, drawn again whenever that or what is drawn changes. It can have the keyboard. */
export function Canvas(given: {
  readonly label: string;
  readonly height: number;
  readonly draw: (drawing: Drawing) => void;
  /** A pointer at this place, in CSS pixels; `dragged` since the last time, where a button is held. */
  readonly onPoint: (x: number, y: number, dragged: number) => void;
  /** @returns whether it was for the drawing */
  readonly onKey: (key: string) => boolean;
}) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const latest = useRef(given.draw);
  latest.current = given.draw;
  const paint = () => {
    if (canvas.current) paintOn(canvas.current, given.height, latest.current);
  };
  // At once, so that a pointer never finds what is rendered and not painted yet.
  useLayoutEffect(paint);
  useEffect(() => {
    const observer = new ResizeObserver(paint);
    observer.observe(canvas.current!);
    const scheme = matchMedia('(prefers-color-scheme: dark)');
    scheme.addEventListener('change', paint);
    return () => {
      observer.disconnect();
      scheme.removeEventListener('change', paint);
    };
  }, []);
  return (
    // biome-ignore lint/a11y/noInteractiveElementToNoninteractiveRole: it takes keys of its own, as an application does
    <canvas
      ref={canvas}
      role="application"
      aria-label={given.label}
      tabIndex={0}
      style={{ height: `${given.height}px` }}
      onPointerMove={({ offsetX, offsetY, buttons, movementX }) =>
        given.onPoint(offsetX, offsetY, buttons & 1 ? movementX : 0)
      }
      onPointerDown={({ offsetX, offsetY }) => given.onPoint(offsetX, offsetY, 0)}
      onKeyDown={(event) => {
        if (!event.ctrlKey && !event.metaKey && given.onKey(event.key)) event.preventDefault();
      }}
    />
  );
}

function paintOn(canvas: HTMLCanvasElement, height: number, draw: (drawing: Drawing) => void): void {
  const width = canvas.clientWidth;
  const [across, down] = [Math.round(width * devicePixelRatio), Math.round(height * devicePixelRatio)];
  if (canvas.width !== across || canvas.height !== down) Object.assign(canvas, { width: across, height: down });
  const context = canvas.getContext('2d');
  if (!context) return;
  context.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
  context.clearRect(0, 0, width, height);
  context.font = '12px system-ui, sans-serif';
  draw({ context, width, height, text: getComputedStyle(canvas).color });
}
