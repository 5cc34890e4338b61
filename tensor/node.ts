/** Whether this runs in Node, and not in a page or its workers: there files are read, here they are fetched. */
export const inNode: boolean = typeof process === 'object' && process.versions?.node !== undefined;

/** Node's own modules, which pages do not have: undefined there. */
export function builtin<Name extends 'node:fs' | 'node:os'>(name: Name) {
  return globalThis.process?.getBuiltinModule?.(name);
}
