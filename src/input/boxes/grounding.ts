import { TextError } from '../../error.ts';
import { quote } from '../../quote.ts';

/** A place on an image as the model writes it: integers 0 … 999, thousandths of the image's width and height. */
export type Point = readonly [x: number, y: number];
/** A rectangle: its top-left and its bottom-right corner. */
export type Box = readonly [topLeft: Point, bottomRight: Point];
/** A quadrilateral: its four corners. */
export type Quad = readonly [Point, Point, Point, Point];
export type Shape = Box | Quad;

/** What `<ref>…</ref>` names, and where it is: the shapes that follow. `ref` is null for shapes without a name. */
export type Region = { readonly ref: string | null; readonly shapes: readonly Shape[] };

/** Something in an answer that is not as the model was taught; `at` is the index in the text. */
export type GroundingProblem = { readonly at: number; readonly message: string };

const last = 999;
/** What coordinates are written with, in either width. */
const coordinates = /^[\s\d.,()（），-]*/;

/**
 * Reads the regions in an answer: `<ref>…</ref>` followed by any number of `<box>(x1,y1),(x2,y2)</box>` and
 * `<quad>…</quad>`. Never throws: what can be repaired is (a missing end tag, swapped corners, numbers outside 0 … 999),
 * what cannot is left out, and all of it is reported in `problems`. A number with which the text ends may have been cut: it does
 * not count. Takes time linear in the text.
 */
export function parseGrounding(text: string): { regions: Region[]; problems: GroundingProblem[] } {
  const regions: { ref: string | null; shapes: Shape[] }[] = [];
  const problems: GroundingProblem[] = [];
  const report = (at: number, message: string): void => void problems.push({ at, message });
  const tags = [...text.matchAll(/<(\/?)(ref|box|quad)>/g)];
  let current: { ref: string | null; shapes: Shape[] } | null = null; // the region that a next shape belongs to
  let from = 0; // where the text after the last element begins

  for (let index = 0; index < tags.length; index++) {
    const tag = tags[index];
    const [spelling, slash, kind] = tag;
    const at = tag.index;
    const start = at + spelling.length;
    // Only separators may stand between a name and its shapes; after other words a shape has no name.
    if (/[^\s,;，；、]/.test(text.slice(from, at))) current = null;
    from = start;
    if (slash) {
      report(at, `${spelling} without a <${kind}> before it`);
      continue;
    }
    const next = tags[index + 1];
    const closed = next?.[1] === '/' && next[2] === kind;
    let content = text.slice(start, next?.index);
    if (!closed) {
      report(at, `<${kind}> without </${kind}>`);
      // Without an end tag a name ends with its line, and coordinates where something else begins.
      content = (kind === 'ref' ? /^.*/ : coordinates).exec(content)![0];
    }
    from = start + content.length + (closed ? next[0].length : 0);
    if (from === text.length && !closed) content = withoutCut(content, kind);
    if (closed) index++;

    if (kind === 'ref') {
      const name = content.replace(/<\/?img>|<imgpad>/g, ' ');
      if (name !== content) report(at, '<ref>: image tags in the name; left out');
      current = { ref: name.trim(), shapes: [] };
      regions.push(current);
      continue;
    }
    const shape = readShape(content, kind === 'box' ? 2 : 4, closed, (message) => report(at, `<${kind}>: ${message}`));
    if (!shape) continue;
    if (!current) {
      report(at, `<${kind}> without a <ref> before it`);
      current = { ref: null, shapes: [] };
      regions.push(current);
    }
    current.shapes.push(shape);
  }
  return { regions, problems };
}

/** What stands in a tag that is still open where the text ends, without what may be the beginning of something longer. */
function withoutCut(content: string, kind: string): string {
  if (kind === 'ref') return content.replace(/<(?:\/(?:r(?:ef?)?)?)?$/, '');
  let end = content.length;
  while (end > 0 && /[\d.-]/.test(content[end - 1])) end--;
  return content.slice(0, end);
}

/** The shape that `content` gives, perhaps repaired, or null. Unless it is `closed`, what follows the shape is ignored. */
export function readShape(
  content: string,
  points: 2 | 4,
  closed: boolean,
  report: (message: string) => void,
): Shape | null {
  let words = (content.match(/[\p{L}\p{N}_.+-]+/gu) ?? []).filter((word) => /\p{N}/u.test(word));
  if (!closed) words = words.slice(0, 2 * points);
  if (words.length !== 2 * points) {
    report(`${words.length} numbers, expected ${2 * points}; left out`);
    return null;
  }
  const odd = words.find((word) => !/^-?\d+(?:\.\d+)?$/.test(word));
  if (odd !== undefined) {
    report(`${quote(odd)} for a number; left out`);
    return null;
  }
  const numbers = words.map(Number);
  if (coordinates.exec(content)![0] !== content) report('words among the numbers; left out');
  const valid = numbers.map((number) => Math.min(Math.max(Math.floor(number), 0), last));
  if (valid.some((number, index) => number !== numbers[index])) report(`numbers that are not integers 0 … ${last}`);
  const corners = Array.from({ length: points }, (_, index): Point => [valid[2 * index], valid[2 * index + 1]]);
  if (points === 4) return corners as unknown as Quad; // four points were made
  const [[x1, y1], [x2, y2]] = corners;
  if (x1 > x2 || y1 > y2) report('corners that are not top-left, then bottom-right; swapped');
  return [
    [Math.min(x1, x2), Math.min(y1, y2)],
    [Math.max(x1, x2), Math.max(y1, y2)],
  ];
}

/** The tag of a shape, without its brackets. */
export function shapeTag(shape: Shape): 'box' | 'quad' {
  return shape.length === 2 ? 'box' : 'quad';
}

/** `(x1,y1),(x2,y2)`. Throws a TextError for a coordinate that is not an integer 0 … 999. */
export function formatShape(shape: Shape): string {
  for (const coordinate of shape.flat()) {
    if (Number.isInteger(coordinate) && coordinate >= 0 && coordinate <= last) continue;
    throw new TextError('region', `coordinate ${coordinate}`, 'give integers 0 … 999 (see shapeFromPixels)');
  }
  return shape.map(([x, y]) => `(${x},${y})`).join(',');
}

/** Writes regions as the model does; the inverse of `parseGrounding`. Throws a TextError for a name that holds a tag. */
export function formatGrounding(regions: readonly Region[]): string {
  return regions.map(formatRegion).join('');
}

/** `<ref>ref</ref>` and its shapes. Throws a TextError for a name that holds a tag and as `formatShape`. */
export function formatRegion({ ref, shapes }: Region): string {
  const tag = ref === null ? null : /<\/?(?:ref|box|quad|img)>|<imgpad>/.exec(ref);
  if (tag) throw new TextError('region', `${tag[0]} in the name of a region`, 'leave it out');
  const name = ref === null ? '' : `<ref>${ref}</ref>`;
  return name + shapes.map((shape) => `<${shapeTag(shape)}>${formatShape(shape)}</${shapeTag(shape)}>`).join('');
}

/** Pixels to the model's coordinates: ⌊pixel · 1000 / side⌋, kept within 0 … 999 (a right or lower edge is the side itself). */
export function shapeFromPixels<S extends Shape>(shape: S, width: number, height: number): S {
  const scale = (pixel: number, side: number) => Math.min(Math.max(Math.floor((pixel * 1000) / side), 0), last);
  return mapPoints(shape, ([x, y]) => [scale(x, width), scale(y, height)]);
}

/** The model's coordinates to pixels, ⌊coordinate · side / 1000⌋, for drawing on an image of any size. */
export function shapeToPixels<S extends Shape>(shape: S, width: number, height: number): S {
  return mapPoints(shape, ([x, y]) => [Math.floor((x * width) / 1000), Math.floor((y * height) / 1000)]);
}

function mapPoints<S extends Shape>(shape: S, change: (point: Point) => Point): S {
  return shape.map(change) as unknown as S; // `map` forgets a tuple's length
}
