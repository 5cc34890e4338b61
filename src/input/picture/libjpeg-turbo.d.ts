/** What this project uses of the package, which has no types of its own. */
declare module '@cornerstonejs/codec-libjpeg-turbo-8bit/decodewasmjs' {
  interface Decoder {
    /** Memory for the file, valid until the next allocation. */
    getEncodedBuffer(length: number): Uint8Array;
    /** @throws a pointer for an unreadable header, an error, and a mere warning alike */
    decode(): void;
    /** The size is 0 × 0 where the header could not be read; one component means grey, else RGB. */
    getFrameInfo(): { width: number; height: number; componentCount: number };
    /** What was decoded, also after a warning. */
    getDecodedBuffer(): Uint8ClampedArray;
  }
  interface Codec {
    readonly JPEGDecoder: new () => Decoder;
  }
  type InstantiateWasm = (
    imports: WebAssembly.Imports,
    done: (instance: WebAssembly.Instance) => void,
  ) => WebAssembly.Exports;
  interface Options {
    locateFile?: (name: string) => string;
    instantiateWasm?: InstantiateWasm;
    print?: (text: string) => void;
    printErr?: (text: string) => void;
  }
  export default function load(options: Options): Promise<Codec>;
}
