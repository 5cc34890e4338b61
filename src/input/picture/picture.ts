/** In pixels. */
export interface Size {
  width: number;
  height: number;
}

/** An RGB picture. */
export interface Picture extends Size {
  /** Bytes [height, width, 3], rows from top to bottom. */
  data: Uint8Array;
}
