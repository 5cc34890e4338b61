/**
 * The 2D sine-cosine table that a checkpoint stores as `attn_pool.pos_embed`: for the cell in row r and column c the first
 * half of a vector encodes c and the second half r (Qwen-VL, arXiv 2308.12966, section 2.1; MAE's table, whose order this is).
 * A half is C/4 sines, then C/4 cosines, of `position / 10000^(k / (C/4))`.
 *
 * Quirk: a loaded checkpoint's own table counts, not this one; they may differ. This one is for models made from nothing.
 *
 * @param grid cells a side
 * @param width C
 * @returns `[grid·grid, C]`, row-major
 */
export function sineCosinePositions(grid: number, width: number): Float32Array {
  const quarter = width / 4;
  const table = new Float32Array(grid * grid * width);
  const frequency = Float32Array.from(
    { length: quarter },
    (_, k) => 1 / Math.fround(10000 ** Math.fround(k / quarter)),
  );
  for (let cell = 0; cell < grid * grid; cell++) {
    const position = [cell % grid, Math.floor(cell / grid)]; // the column first
    for (let i = 0; i < width; i++) {
      const half = i < width / 2 ? 0 : 1;
      const within = i - (half * width) / 2;
      const angle = Math.fround(position[half] * frequency[within % quarter]);
      table[cell * width + i] = within < quarter ? Math.sin(angle) : Math.cos(angle);
    }
  }
  return table;
}
