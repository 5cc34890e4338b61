/** Text that is markup already. Made by `html`, which escapes everything else that is put into it. */
export interface Markup {
  readonly markup: string;
}

type Part = Markup | string | number | readonly Part[] | undefined | false;

/** A template whose values are escaped, so that no name or text can become markup; lists are joined. */
export function html(texts: TemplateStringsArray, ...parts: readonly Part[]): Markup {
  return { markup: texts.reduce((whole, text, i) => whole + render(parts[i - 1]) + text) };
}

function render(part: Part): string {
  if (part === undefined || part === false) return '';
  if (typeof part === 'number') return String(part);
  if (typeof part === 'string') return part.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
  return 'markup' in part ? part.markup : part.map(render).join('');
}
