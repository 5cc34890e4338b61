/** What a file is by its first bytes; its name is not asked. */
export interface FileKind {
  /** Such as `a GGUF file`. */
  readonly what: string;
  /** What to do when something else was wanted. */
  readonly remedy: string;
}

/** So many bytes from the beginning tell. */
export const TELLING_BYTES = 512;

const DOWNLOAD = 'download the file itself';
const UNPACK = 'unpack it';

/** @param begin the file's first bytes, each a character (`ï»¿` is the mark of UTF-8) */
type Test = (begin: string) => boolean;
const starts =
  (...marks: readonly string[]): Test =>
  (begin) =>
    marks.some((mark) => begin.startsWith(mark));

export const SAFETENSORS = 'a safetensors file';
export const ZIP = 'a zip archive';

/** The first that fits counts. */
const KINDS: readonly (readonly [what: string, remedy: string, test: Test])[] = [
  // First, because the length of its header, with which it begins, can look like any of the shorter marks.
  [SAFETENSORS, 'give it a name that ends in .safetensors', isSafetensors],
  ['a Git LFS pointer', 'run "git lfs pull" there', starts('version https://git-lfs')],
  [
    'an HTML page, as a server sends in place of a file',
    DOWNLOAD,
    (begin) => /^(ï»¿)?\s*(<!--[\s\S]*?-->\s*)?<(!doctype\s+html|html|head|body)\b/i.test(begin),
  ],
  ['an XML text', DOWNLOAD, (begin) => /^(ï»¿)?\s*<(\?xml\b|Error>)/.test(begin)],
  ['a GGUF file of llama.cpp', 'use the original checkpoint of PyTorch, not a conversion', starts('GGUF')],
  ['a GGML file of llama.cpp', 'use the original checkpoint of PyTorch', starts('lmgg', 'tjgg', 'fmgg', 'algg')],
  [ZIP, 'name it .bin if torch.save made it, else use what is in it', starts('PK\x03\x04', 'PK\x05\x06')],
  [
    'in the format of torch.save before torch 1.6',
    'save it again with a newer torch: torch.save(torch.load(FILE), FILE)',
    starts('\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19'),
  ],
  ['a bare pickle', 'save the state dict with torch.save', starts('\x80\x02', '\x80\x03', '\x80\x04', '\x80\x05')],
  ['compressed with gzip', UNPACK, starts('\x1f\x8b')],
  ['compressed with bzip2', UNPACK, (begin) => /^BZh[1-9]1AY&SY/.test(begin)],
  ['compressed with xz', UNPACK, starts('\xfd7zXZ\0')],
  ['compressed with zstd', UNPACK, starts('\x28\xb5\x2f\xfd')],
  ['a 7z archive', UNPACK, starts('7z\xbc\xaf\x27\x1c')],
  ['a RAR archive', UNPACK, starts('Rar!\x1a\x07')],
  ['a tar archive', UNPACK, (begin) => begin.startsWith('ustar', 257)],
  ['an HDF5 file, as TensorFlow saves weights', 'use the weights of PyTorch', starts('\x89HDF\r\n')],
  ['a NumPy array', 'use the weights of PyTorch', starts('\x93NUMPY')],
  ['a picture', 'name the right file', starts('\x89PNG', '\xff\xd8\xff', 'GIF8')],
  ['a PDF', 'name the right file', starts('%PDF-')],
  ['a text in UTF-16', 'save it as UTF-8', starts('\xff\xfe', '\xfe\xff')],
  ['a text of JSON, as a server sends with an error', DOWNLOAD, (begin) => /^(ï»¿)?\s*[{[]\s*["{[\]}]/.test(begin)],
  [
    'full of zeros, as a download that did not end',
    'download it again',
    (begin) => begin.length >= 16 && begin === '\0'.repeat(begin.length),
  ],
];

/**
 * Says what a file is that is not what its name says.
 *
 * @param begin its first bytes, TELLING_BYTES are enough
 * @returns undefined where nothing tells
 */
export function kindOf(begin: Uint8Array): FileKind | undefined {
  if (begin.length === 0) return { what: 'empty', remedy: 'download it again' };
  const characters = String.fromCharCode(...begin.subarray(0, TELLING_BYTES));
  const found = KINDS.find(([, , test]) => test(characters));
  return found && { what: found[0], remedy: found[1] };
}

/** The length of a header, whose upper bytes are zero, and an object of JSON. */
function isSafetensors(begin: string): boolean {
  return begin.startsWith('\0\0\0\0{', 4) && /^\s*["}]/.test(begin.slice(9));
}
