/** A float32 as it is, in the fewest digits that mean this one alone. */
export function exact(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  for (let digits = 6; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === Math.fround(value)) return sign(String(short));
  }
  return sign(String(Number(value.toPrecision(9))));
}

const sign = (text: string): string => text.replaceAll('-', '−');
