/** `npm run explore`: serves the page on this machine, or builds it as a folder for any host. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { openConfig } from '../checkpoint/folder.ts';
import { InputError } from '../error.ts';
import { writeFolder } from '../write-folder.ts';
import { buildPage, copyModel, SHIPPED } from './build.ts';
import { servePage } from './server.ts';

const HELP = `The page: ask the model in the browser, see where it looked, walk through every number.

  npm run explore                        serves it on this machine, and prints the address; Ctrl-C ends it
  npm run explore -- build DIR           writes it as a folder for any static host; DIR must not be there yet

  --model FOLDER   another checkpoint than the one that comes along
  --port N         another port than 4173; 0 for any that is free
  --help           this text
`;

const PORT = 4173;

async function main(): Promise<void> {
  const { values, positionals } = parsed();
  if (values.help) return void process.stdout.write(HELP);
  const [command, folder, ...rest] = positionals;
  const model = resolve(values.model ?? SHIPPED.model);
  await openConfig(model); // what is no model is known before any work starts
  if (command === undefined) return serve(model, portOf(values.port));
  if (command !== 'build' || folder === undefined || rest.length > 0) {
    throw new InputError('explore', `"${positionals.join(' ')}", expected nothing or "build DIR"`, 'see --help');
  }
  if (values.port !== undefined) throw new InputError('--port', 'a folder has no port', 'leave it out');
  await writeFolder(folder, 'name a folder that is not there yet', async ({ path }) => {
    await buildPage(path);
    await copyModel(model, path);
  });
  process.stdout.write(`${folder} is the page, with ${model}\n`);
}

function parsed() {
  const options = {
    model: { type: 'string' },
    port: { type: 'string' },
    help: { type: 'boolean', short: 'h' },
  } as const;
  try {
    return parseArgs({ allowPositionals: true, options });
  } catch (error) {
    throw new InputError('explore', (error as Error).message, 'see --help');
  }
}

function portOf(given: string | undefined): number {
  const port = Number(given ?? PORT);
  if (Number.isInteger(port) && port >= 0 && port < 65_536) return port;
  throw new InputError('--port', `${given}, expected a whole number below 65536`, 'give such a number');
}

async function serve(model: string, port: number): Promise<void> {
  const page = await mkdtemp(join(tmpdir(), 'qwen-vl-page-'));
  const removed = () => rm(page, { recursive: true, force: true });
  try {
    await buildPage(page);
    const server = await servePage(page, model, port).catch((error: NodeJS.ErrnoException) => {
      throw new InputError('--port', `${port} cannot be had (${error.code})`, 'give another one, or 0');
    });
    process.stdout.write(`${server.address}  (Ctrl-C ends it)\n`);
    await new Promise<void>((end) => {
      for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => end());
    });
    await server.close();
  } finally {
    await removed();
  }
}

main().catch((error: unknown) => {
  process.stderr.write(`explore: ${error instanceof InputError ? error.message : (error as Error).stack}\n`);
  process.exitCode = error instanceof InputError ? 2 : 1;
});
