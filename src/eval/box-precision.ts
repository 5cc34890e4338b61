import type { Box } from '../input/boxes/grounding.ts';

/** Edges: left, top, right, bottom. */
type Edges = readonly [number, number, number, number];

/**
 * 1 where the first box of an answer and one of the references overlap by at least half of what they cover together, else 0: precision
 * at IoU 0.5, by which RefCOCO is judged.
 *
 * Quirk: the released script reads thousandths as shares of 999 of a side, where training wrote shares of 1000.
 * Quirk: an overlap of exactly a half counts. What cannot be read is a box without an extent.
 *
 * @param references in thousandths of width and height; their edges are the pixels', at `edge / 1000`
 */
export function boxPrecision(answer: string, references: readonly Box[]): number {
  const found = firstBox(answer)?.map((edge) => edge / 999) as Edges | undefined;
  if (!found) return 0;
  return references.some(([[x1, y1], [x2, y2]]) => {
    const wanted: Edges = [x1 / 1000, y1 / 1000, x2 / 1000, y2 / 1000];
    return intersectionOverUnion(found, wanted) >= 0.5;
  })
    ? 1
    : 0;
}

/** The first two points that stand in brackets, one behind the other, whatever stands around them. */
function firstBox(text: string): number[] | undefined {
  const match = /\(([^()]*)\),\(([^()]*)\)/.exec(text);
  const numbers = match
    ?.slice(1)
    .flatMap((point) => point.split(',').map((part) => (part.trim() === '' ? Number.NaN : Number(part))));
  return numbers?.length === 4 && numbers.every(Number.isFinite) ? numbers : undefined;
}

/** Area of what two boxes share over the area of what they cover together; 0 where they cover nothing. */
export function intersectionOverUnion(a: Edges, b: Edges): number {
  const overlap = (from: 0 | 1) => Math.max(0, Math.min(a[from + 2], b[from + 2]) - Math.max(a[from], b[from]));
  const shared = overlap(0) * overlap(1);
  const area = ([left, top, right, bottom]: Edges) => (right - left) * (bottom - top);
  const together = area(a) + area(b) - shared;
  return together > 0 ? shared / together : 0;
}
