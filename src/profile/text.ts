/** Numbers for people: a dash for what could not be measured. */
export const UNKNOWN = '–';

/** With so many significant digits, but never with an exponent: 0.00123, 12.3, 1230. */
export function digits(value: number | null, significant = 3): string {
  if (value === null) return UNKNOWN;
  if (value === 0) return '0';
  const decimals = Math.max(0, significant - 1 - Math.floor(Math.log10(Math.abs(value))));
  return value.toFixed(Math.min(6, decimals));
}

/** Milliseconds, to the microsecond. */
export const milliseconds = (value: number | null): string =>
  value === null ? UNKNOWN : value.toFixed(value < 10 ? 3 : value < 100 ? 2 : 1);

export const percent = (value: number | null): string =>
  value === null || Number.isNaN(value) ? UNKNOWN : `${(100 * value).toFixed(value < 0.0995 ? 1 : 0)} %`;

/** A share near one, where a tenth of a percent matters. */
export const percentInTenths = (value: number): string => `${(100 * value).toFixed(1)} %`;

/** A count in thousands, for the unit that follows: 1234567 → `1.23 M`. */
export function scaled(value: number, unit: string): string {
  const step = Math.min(4, Math.max(0, Math.floor(Math.log10(Math.max(1, value)) / 3)));
  return `${digits(value / 1000 ** step)} ${['', 'k', 'M', 'G', 'T'][step]}${unit}`;
}

export const shapeText = (shape: readonly number[]): string => `[${shape.join('×')}]`;
