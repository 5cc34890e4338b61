import { TextError } from '../../error.ts';
import { quote } from '../../quote.ts';
import { type Box, formatRegion, type Quad, type Region, type Shape } from '../boxes/grounding.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import { formatPieces, isPlain, parsePieces } from './pieces.ts';
import { type Piece, type Prompt, rawPrompt } from './prompt.ts';

/**
 * The seven formats of multi-task training (section 3.2 and appendix B of the paper). The loss is on the target alone,
 * which ends with `<|endoftext|>`. There is no `Picture i: ` here.
 */
export const taskFormats = {
  caption: {
    prompt: '<img>{image}</img>Generate the caption in {language}:',
    target: ' {caption}',
  },
  'visual question answering': {
    prompt: '<img>{image}</img>{question} Answer:',
    target: ' {answer}',
  },
  'caption with grounding': {
    prompt: '<img>{image}</img>Generate the caption in {language} with grounding:',
    target: ' {groundedCaption}',
  },
  'referring grounding': {
    prompt: '<img>{image}</img><ref>{phrase}</ref>',
    target: '{shapes}',
  },
  'grounded captioning': {
    prompt: '<img>{image}</img><ref>This</ref>{box} is',
    target: ' {description}',
  },
  ocr: {
    prompt: '<img>{image}</img>OCR with grounding:',
    target: ' {lines}',
  },
  text: {
    prompt: '',
    target: '{text}',
  },
} as const;

/** The prompts of the released evaluation scripts. The last ends within its target: its answer begins with `(x1,y1)`. */
export const evaluationFormats = {
  caption: '<img>{image}</img>Describe the image in English:',
  'visual question answering': '<img>{image}</img>{question} Answer:',
  'referring grounding': '<img>{image}</img><ref>{phrase}</ref><box>',
} as const;

/** A line of text on a picture, and its quadrilateral. */
export type Line = { readonly ref: string; readonly shapes: readonly [Quad] };

/** What the fields of the formats hold. No text may look like a special token. */
export type TaskFields = {
  /** The name or path between the tags. */
  image: string;
  /** The paper shows English; its captions are English and Chinese. */
  language: 'English' | 'Chinese';
  caption: string;
  question: string;
  answer: string;
  /** Words and regions. */
  groundedCaption: readonly Piece[];
  /** What is to be found. */
  phrase: string;
  /** Where it is: at least one. */
  shapes: readonly Shape[];
  box: Box;
  /** Of what is in the box. */
  description: string;
  /** Lines of text and their places, in the order of reading. */
  lines: readonly Line[];
  text: string;
};

export type Task = keyof typeof taskFormats;
type FieldsIn<Format extends string> = Format extends `${string}{${infer Name}}${infer Rest}`
  ? (Name & keyof TaskFields) | FieldsIn<Rest>
  : never;
type SampleOf<Name extends Task> = { readonly task: Name } & {
  readonly [Field in FieldsIn<(typeof taskFormats)[Name]['prompt' | 'target']>]: TaskFields[Field];
};
/** A training sample: its task and what its format's fields hold. */
export type Sample = { [Name in Task]: SampleOf<Name> }[Task];

const endOfText = '<|endoftext|>';

/**
 * The text of a sample, special tokens spelled out. Throws a TextError for words that look like a special token, for what
 * `formatRegion` refuses, and for what a field cannot say: no shape, a line that is not one quadrilateral, an image.
 */
export function formatSample(sample: Sample): { prompt: string; target: string } {
  const { prompt, target } = taskFormats[sample.task];
  return { prompt: fill(prompt, sample), target: fill(target, sample) + endOfText };
}

/** An evaluation prompt. Errors as in `formatSample`. */
export function formatEvaluation<Name extends keyof typeof evaluationFormats>(
  task: Name,
  values: Pick<TaskFields, FieldsIn<(typeof evaluationFormats)[Name]>>,
): string {
  return fill(evaluationFormats[task], values);
}

/** The ids of a sample; the loss is on those of `target`. Errors as in `formatSample` and `rawPrompt`. */
export function encodeSample(tokenizer: Tokenizer, sample: Sample): { prompt: Prompt; target: Int32Array } {
  const { prompt, target } = formatSample(sample);
  const options = { allowSpecial: true }; // all of them are the format's own: `fill` refuses others
  return { prompt: rawPrompt(tokenizer, prompt, options), target: rawPrompt(tokenizer, target, options).ids };
}

/**
 * The sample that was written as `prompt` and `target` (with or without `<|endoftext|>`), or null if it has none of the
 * formats: the inverse of `formatSample`. Never throws; takes time linear in the text.
 */
export function parseSample({ prompt, target }: { prompt: string; target: string }): Sample | null {
  const answer = target.endsWith(endOfText) ? target.slice(0, -endOfText.length) : target;
  for (const [task, format] of Object.entries(taskFormats)) {
    const given = read(format.prompt, prompt);
    const wanted = given && read(format.target, answer);
    if (wanted) return { task, ...given, ...wanted } as Sample; // a format has exactly the fields of its sample
  }
  return null;
}

function fill(format: string, values: Partial<TaskFields>): string {
  return format.replace(/\{(\w+)\}/g, (_, name: keyof TaskFields) => {
    const field: Field<unknown> = fields[name];
    const text = field.write(values[name]);
    if (field.read(text) !== undefined) return text;
    throw new TextError(name, `${quote(text)} cannot be read again`, 'see TaskFields for what it may hold');
  });
}

/** The fields of a text. A field ends where the words after it are first found, the last one where they end the text. */
function read(format: string, text: string): Partial<TaskFields> | null {
  const parts = format.split(/[{}]/); // words at the even places, names of fields between them
  if (!text.startsWith(parts[0])) return null;
  const values: Record<string, unknown> = {};
  let from = parts[0].length;
  for (let at = 1; at < parts.length; at += 2) {
    const after = parts[at + 1];
    const last = at + 2 === parts.length;
    const end = last ? text.length - after.length : text.indexOf(after, from);
    if (end < from || !text.startsWith(after, end)) return null;
    const value = fields[parts[at] as keyof TaskFields].read(text.slice(from, end)); // the formats name only fields
    if (value === undefined) return null;
    values[parts[at]] = value;
    from = end + after.length;
  }
  return from === text.length ? values : null;
}

/** How the value of a field is written, and read again: undefined for what is none. */
type Field<Value> = { write(value: Value): string; read(text: string): Value | undefined };

const words: Field<string> = {
  write: (value) => formatPieces(value),
  read: (text) => (isPlain(text) ? text : undefined),
};

const isRegion = (piece: Piece): piece is Region => 'shapes' in piece;
const isLine = (piece: Piece): piece is Line =>
  isRegion(piece) && piece.ref !== null && piece.shapes.length === 1 && piece.shapes[0].length === 4;

function readShapes(text: string): readonly Shape[] | undefined {
  const [region, more] = parsePieces(text);
  return region && !more && isRegion(region) && region.ref === null ? region.shapes : undefined;
}

const fields: { readonly [Name in keyof TaskFields]: Field<TaskFields[Name]> } = {
  image: words,
  language: {
    write: (value) => value,
    read: (text) => (text === 'English' || text === 'Chinese' ? text : undefined),
  },
  caption: words,
  question: words,
  answer: words,
  groundedCaption: {
    write: (value) => formatPieces(value),
    read(text) {
      const pieces = parsePieces(text);
      return pieces.every((piece) => isRegion(piece) || ('text' in piece && isPlain(piece.text))) ? pieces : undefined;
    },
  },
  phrase: words,
  shapes: {
    write: (shapes) => formatRegion({ ref: null, shapes }),
    read: readShapes,
  },
  box: {
    write: (box) => formatRegion({ ref: null, shapes: [box] }),
    read(text) {
      const shapes = readShapes(text);
      return shapes?.length === 1 && shapes[0].length === 2 ? shapes[0] : undefined;
    },
  },
  description: words,
  lines: {
    write: (lines) => formatPieces(lines),
    read(text) {
      const pieces = parsePieces(text);
      return pieces.every(isLine) ? pieces : undefined;
    },
  },
  text: words,
};
