/** libjpeg and libwebp in WebAssembly: compiled C, shut in a sandbox whose worst fate is to be thrown away. Loaded when a picture needs them. */
import { inNode } from '../../../tensor/node.ts';
import type { Size } from './picture.ts';

/**
 * A JPEG of one or three components by libjpeg-turbo 3; EXIF orientation is ignored.
 *
 * Its wrapper knows the usual samplings only, and takes warnings, which PIL passes over, for errors. So mozjpeg, an older
 * libjpeg whose wrapper does neither, decodes what has another sampling, and decides whether a complaint was an error.
 * @returns RGB bytes [height, width, 3]
 * @throws when libjpeg gives up
 */
export async function runLibjpeg(bytes: Uint8Array<ArrayBuffer>, size: Size): Promise<Uint8Array> {
  const { default: libjpegTurbo } = await import('@cornerstonejs/codec-libjpeg-turbo-8bit/decodewasmjs');
  const codec = await libjpegTurbo(await options('@cornerstonejs/codec-libjpeg-turbo-8bit/decodewasm', turboInPage));
  const decoder = new codec.JPEGDecoder();
  decoder.getEncodedBuffer(bytes.length).set(bytes);
  let complaint = false;
  try {
    decoder.decode();
  } catch {
    complaint = true;
  }
  const { width, height, componentCount } = decoder.getFrameInfo();
  const known = width === size.width && height === size.height;
  if (complaint || !known) {
    const other = await runMozjpeg(bytes, size);
    if (!known) return other;
  }
  const decoded = decoder.getDecodedBuffer();
  return componentCount === 1 ? repeated(decoded) : new Uint8Array(decoded);
}

async function runMozjpeg(bytes: Uint8Array<ArrayBuffer>, size: Size): Promise<Uint8Array> {
  const { default: mozjpeg } = await import('@jsquash/jpeg/codec/dec/mozjpeg_dec.js');
  const codec = await mozjpeg(await options('@jsquash/jpeg/codec/dec/mozjpeg_dec.wasm'));
  return withoutAlpha(codec.decode(bytes, false), size);
}

/** @returns RGB bytes [height, width, 3] of a still WebP; alpha is dropped. @throws */
export async function runLibwebp(bytes: Uint8Array<ArrayBuffer>, size: Size): Promise<Uint8Array> {
  const { default: libwebp } = await import('@jsquash/webp/codec/dec/webp_dec.js');
  const codec = await libwebp(await options('@jsquash/webp/codec/dec/webp_dec.wasm'));
  return withoutAlpha(codec.decode(bytes), size);
}

/** This package's script is not a module, so it cannot tell where it lies. */
const turboInPage = () => new URL('@cornerstonejs/codec-libjpeg-turbo-8bit/decodewasm', import.meta.url).href;

/**
 * What a codec starts with. Every picture gets an instance of its own (1 ms): one that has aborted can decode nothing
 * more, and WebAssembly memory never shrinks. In a page the codec fetches the code from beside its script, or from
 * `inPage`; Node's `fetch` reads no files, so there it is read and compiled here.
 */
async function options(path: string, inPage?: () => string) {
  const module = await compiledInNode(path);
  const quiet = { noInitialRun: true, print: () => {}, printErr: () => {} };
  if (!module) return inPage ? { ...quiet, locateFile: inPage } : quiet;
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

/** Grey as RGB. */
function repeated(grey: Uint8ClampedArray): Uint8Array {
  const rgb = new Uint8Array(grey.length * 3);
  for (let from = 0, to = 0; from < grey.length; from += 1, to += 3) rgb.fill(grey[from], to, to + 3);
  return rgb;
}

/** RGBA to RGB, in the memory of the former, which is not needed any more: a second copy would be as large again. */
function withoutAlpha(picture: ImageData | null, { width, height }: Size): Uint8Array {
  if (picture?.width !== width || picture.height !== height) throw new Error('the pixel data are cut or damaged');
  const { data } = picture;
  const length = width * height * 3;
  for (let from = 0, to = 0; to < length; from += 4, to += 3) {
    data[to] = data[from];
    data[to + 1] = data[from + 1];
    data[to + 2] = data[from + 2];
  }
  return new Uint8Array(data.buffer, data.byteOffset, length);
}
