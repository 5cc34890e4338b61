/** A conversation as the model sees it. `labels[t]` is what token t should be, or negative where nothing is asked of it. */
export interface Sequence {
  readonly ids: Int32Array;
  readonly labels: Int32Array;
}

/** Conversations that one loss is taken of, and all their pictures in reading order. */
export interface Batch {
  readonly sequences: readonly Sequence[];
  /** `[images · 3 · S, S]`, normalised. */
  readonly pixels: Float32Array;
  readonly images: number;
}
