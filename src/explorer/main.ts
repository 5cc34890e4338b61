/** `npm run explore`: serves the page on this machine, or builds it as a folder for any host. */
import { cp } from 'node:fs/promises';
import { resolve } from 'node:path';
import { inspect, parseArgs } from 'node:util';
import { DeviceError } from '../../tensor/error.ts';
import { openConfig } from '../checkpoint/folder.ts';
import { InputError } from '../error.ts';
import { writeFolder } from '../write-folder.ts';
import { besidePage, copyBeside, SHIPPED } from './beside.ts';
import { builtPage } from './built.ts';
import { type PageServer, servePage } from './server.ts';

const HELP = `The page: ask the model in the browser, see where it looked, walk through every number.

  npm run explore                        serves it on this machine, and prints the address; Ctrl-C ends it
  npm run explore -- build DIR           writes it as a folder for any static host; DIR must not be there yet

  --model FOLDER   another checkpoint than the one that comes along
  --port N         another port than 4173; 0 for any that is free
  --debug          adds stack traces to errors
  --help           this text
`;

/** Where nobody names one: the next free one, if it is taken. */
const PORT = 4173;

/** What ends it, with the exit code of who has not finished: 128 and the signal's number. */
const SIGNALS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;
let finished = false;

async function main(): Promise<void> {
  const { values, positionals } = parsed();
  if (values.help) return void process.stdout.write(HELP);
  const [command, folder, ...rest] = positionals;
  const port = portOf(values.port);
  const model = resolve(values.model ?? SHIPPED.model);
  await openConfig(model); // what is no model is known before any work starts
  if (command === undefined) return serve(model, port);
  if (command !== 'build' || folder === undefined || rest.length > 0) {
    throw new InputError('explore', `"${positionals.join(' ')}", expected nothing or "build DIR"`, 'see --help');
  }
  if (values.port !== undefined) throw new InputError('--port', 'a folder has no port', 'leave it out');
  await writeFolder(folder, 'name a folder that is not there yet', async ({ path }) => {
    await cp(await builtPage(), path, { recursive: true });
    await copyBeside(await besidePage(model), path);
  });
  process.stdout.write(`${folder} is the page, with ${model}\n`);
}

function parsed() {
  const options = {
    model: { type: 'string' },
    port: { type: 'string' },
    debug: { type: 'boolean' },
    help: { type: 'boolean', short: 'h' },
  } as const;
  try {
    return parseArgs({ allowPositionals: true, options });
  } catch (cause) {
    throw new InputError('explore', (cause as Error).message, 'see --help', { cause });
  }
}

function portOf(given: string | undefined): number | undefined {
  if (given === undefined) return undefined;
  if (/^\d{1,5}$/.test(given) && Number(given) < 65_536) return Number(given);
  throw new InputError('--port', `"${given}", expected a whole number below 65536`, 'give such a number');
}

async function serve(model: string, port: number | undefined): Promise<void> {
  const server = await listening(await builtPage(), model, port);
  finished = true;
  process.stdout.write(`${server.address}  (Ctrl-C ends it)\n`);
}

async function listening(page: string, model: string, port: number | undefined): Promise<PageServer> {
  try {
    return await servePage(page, model, port ?? PORT);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (port === undefined && code === 'EADDRINUSE') return servePage(page, model, 0);
    if (code !== 'EADDRINUSE' && code !== 'EACCES') throw cause;
    throw new InputError('--port', `${port ?? PORT} cannot be had (${code})`, 'give another one, or 0', { cause });
  }
}

function fail(error: unknown): void {
  const known = error instanceof InputError || error instanceof DeviceError;
  if (process.argv.includes('--debug')) process.stderr.write(`${inspect(error)}\n`);
  const line = known ? error.message : `unexpected: ${error}; please report it with the output of --debug`;
  process.stderr.write(`explore: ${line.replaceAll('\n', ' ')}\n`);
  process.exitCode = known ? 2 : 1;
}

process.stdout.on('error', () => undefined); // whoever does not listen any more can still open the page
for (const [signal, code] of Object.entries(SIGNALS)) process.once(signal, () => process.exit(finished ? 0 : code));
main().catch(fail);
