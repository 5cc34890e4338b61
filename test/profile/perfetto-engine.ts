import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { runInThisContext } from 'node:vm';

/** Where `fetch-perfetto.mjs` puts it. */
const file = (name: string) => new URL(`.perfetto/${name}`, import.meta.url);

export const perfettoIsHere = (): boolean => existsSync(file('engine.mjs'));

export type Row = Readonly<Record<string, string | number | bigint | null>>;

/** What of Perfetto's engine is used. */
interface Engine {
  parse(bytes: Uint8Array): Promise<void>;
  notifyEof(): Promise<void>;
  query(sql: string): Promise<{
    columns(): string[];
    iter(shape: object): { valid(): boolean; next(): void; get(column: string): Row[string] };
  }>;
  onRpcResponseBytes(bytes: Uint8Array): void;
  rpcSendRequestBytes(bytes: Uint8Array): void;
}

/** The WebAssembly side: it answers a request before `onmessage` returns. */
interface Bridge {
  /** 0 until it has started. */
  readonly reqBufferAddr: number;
  initialize(port: { onmessage?(message: { data: Uint8Array }): void; postMessage(bytes: Uint8Array): void }): void;
}

/**
 * Its bundle is the worker of a page. Outside of one it is handed its WebAssembly, keeps to 32 bits (all there is), and shows the
 * bridge that it would give to the page.
 */
const CHANGES = [
  ['this.useMemory64 = hasMemory64Support();', 'this.useMemory64 = false;'],
  ['locateFile: (s) => s,', 'locateFile: (s) => s, wasmBinary: self.perfetto.binary,'],
  ['const wasmBridge = new', 'const wasmBridge = self.perfetto.bridge = new'],
] as const;

/** Perfetto's trace processor, as ui.perfetto.dev runs it: reads a trace, and answers SQL. One trace a process. */
export async function openTrace(text: string): Promise<(sql: string) => Promise<Row[]>> {
  let source = await readFile(file('engine_bundle.node.js'), 'utf8');
  for (const [from, to] of CHANGES) {
    if (!source.includes(from)) throw new Error(`Perfetto's bundle has no "${from}"`);
    source = source.replace(from, to);
  }
  const perfetto: { binary: Uint8Array; bridge?: Bridge } = { binary: await readFile(file('trace_processor.wasm')) };
  const scope = { self: globalThis, WorkerGlobalScope: Object, location: { href: file('').href }, perfetto };
  for (const [name, value] of Object.entries(scope))
    Object.defineProperty(globalThis, name, { value, configurable: true });
  runInThisContext(source, { filename: fileURLToPath(file('engine_bundle.node.js')) });
  const bridge = perfetto.bridge!;
  while (bridge.reqBufferAddr === 0) await new Promise((resolve) => setTimeout(resolve, 10));

  const { EngineBase } = (await import(/* @vite-ignore */ file('engine.mjs').href)) as { EngineBase: new () => Engine };
  const engine = new EngineBase();
  const port: Parameters<Bridge['initialize']>[0] = { postMessage: (bytes) => engine.onRpcResponseBytes(bytes) };
  bridge.initialize(port);
  engine.rpcSendRequestBytes = (data) => port.onmessage?.({ data });
  await engine.parse(new TextEncoder().encode(text));
  await engine.notifyEof();
  return async (sql) => {
    const result = await engine.query(sql);
    const rows: Row[] = [];
    for (const row = result.iter({}); row.valid(); row.next()) {
      rows.push(Object.fromEntries(result.columns().map((column) => [column, row.get(column)])));
    }
    return rows;
  };
}
