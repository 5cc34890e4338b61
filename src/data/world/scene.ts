/** A scene: what stands where, before any pixel is drawn. It is the same at every resolution. */
import type { Affine, Place } from './affine.ts';
import type { Tint } from './colour.ts';
import type { Ground } from './ground.ts';
import type { Sprite } from './sprite.ts';

/** What an item is: indices into the tables of things.ts, or what is written. */
export type Subject =
  | { readonly kind: 'thing'; readonly thing: number }
  | { readonly kind: 'shape'; readonly shape: number; readonly colour: number }
  | { readonly kind: 'number'; readonly text: string }
  | { readonly kind: 'word'; readonly text: string };

/** A sprite and the way from its own measure to the picture's. */
export interface Part {
  readonly sprite: Sprite;
  readonly to: Affine;
  readonly tint: Tint;
  /** Of a glyph. */
  readonly character?: string;
}

export interface Item {
  readonly subject: Subject;
  readonly parts: readonly Part[];
  /** Left, top, right, bottom of all of it, in 0 … 1 of the picture's width and height. */
  readonly box: readonly [number, number, number, number];
  /** The corners of a line of text, from its start clockwise. */
  readonly quad?: readonly [Place, Place, Place, Place];
}

export interface Scene {
  readonly ground: Ground;
  /** What is not told of, behind all items. */
  readonly behind: readonly Part[];
  /** From the back to the front. */
  readonly items: readonly Item[];
  /** How the finished picture was taken: levels of noise, and whether it is out of focus. */
  readonly noise: number;
  readonly blurred: boolean;
  /** Of the pixels' noise. */
  readonly seed: number;
}
