/** libjpeg (as mozjpeg) and libwebp in WebAssembly: compiled C, shut in a sandbox whose worst fate is to be thrown away. */
import mozjpeg from '@jsquash/jpeg/codec/dec/mozjpeg_dec.js';
import libwebp from '@jsquash/webp/codec/dec/webp_dec.js';
import { inNode } from './environment.ts';
import type { Size } from './image.ts';

/** @returns RGB bytes [height, width, 3] of a JPEG of one or three components; EXIF orientation is ignored. @throws */
export async function runMozjpeg(bytes: Uint8Array<ArrayBuffer>, size: Size): Promise<Uint8Array> {
  const codec = await mozjpeg(await options('@jsquash/jpeg/codec/dec/mozjpeg_dec.wasm'));
  return withoutAlpha(codec.decode(bytes, false), size);
}

/** @returns RGB bytes [height, width, 3] of a still WebP; alpha is dropped. @throws */
export async function runLibwebp(bytes: Uint8Array<ArrayBuffer>, size: Size): Promise<Uint8Array> {
  const codec = await libwebp(await options('@jsquash/webp/codec/dec/webp_dec.wasm'));
  return withoutAlpha(codec.decode(bytes), size);
}

/**
 * What a codec starts with. Every picture gets an instance of its own (1 ms): one that has aborted can decode nothing
 * more, and WebAssembly memory never shrinks. In a page the codec fetches the code from beside its script; Node's
 * `fetch` reads no files, so there it is read and compiled here.
 */
async function options(path: string) {
  const module = await compiledInNode(path);
  const quiet = { noInitialRun: true, print: () => {}, printErr: () => {} };
  if (!module) return quiet;
  const instantiateWasm = (imports: WebAssembly.Imports, done: (instance: WebAssembly.Instance) => void) => {
    const instance = new WebAssembly.Instance(module, imports);
    done(instance);
    return instance.exports;
  };
  return { ...quiet, instantiateWasm };
}

const compiled = new Map<string, Promise<WebAssembly.Module>>();

async function compiledInNode(path: string): Promise<WebAssembly.Module | undefined> {
  if (!inNode) return undefined;
  let module = compiled.get(path);
  if (!module) {
    const [{ readFile }, { createRequire }] = await Promise.all([import('node:fs/promises'), import('node:module')]);
    module = readFile(createRequire(import.meta.url).resolve(path)).then((code) => WebAssembly.compile(code));
    compiled.set(path, module);
  }
  return module;
}

function withoutAlpha(picture: ImageData | null, { width, height }: Size): Uint8Array {
  if (picture?.width !== width || picture.height !== height) throw new Error('the pixel data are cut or damaged');
  const rgb = new Uint8Array(width * height * 3);
  for (let from = 0, to = 0; to < rgb.length; from += 4, to += 3) {
    rgb[to] = picture.data[from];
    rgb[to + 1] = picture.data[from + 1];
    rgb[to + 2] = picture.data[from + 2];
  }
  return rgb;
}
