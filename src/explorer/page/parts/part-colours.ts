/** Colours that people who see fewer still tell apart (Okabe and Ito 2008); all are light enough for dark words on them. */
const COLOURS: Readonly<Record<string, string>> = {
  image: '#cc79a7',
  'vision encoder': '#56b4e9',
  adapter: '#f0e442',
  prefill: '#e69f00',
  decode: '#1fb58a',
};

export const PART_COLOURS: readonly (readonly [string, string])[] = Object.entries(COLOURS);
export const colourOf = (part: string): string => COLOURS[part] ?? '#aaaaaa';
