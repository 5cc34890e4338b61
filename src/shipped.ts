import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The project's folder: what it ships is found from here, wherever the command is run. */
export const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** The small trained checkpoint that comes with the project, and what is asked where no other is named. */
export const SHIPPED_MODEL = join(ROOT, 'golden', 'picture-book');
