/** Node's own modules, which pages do not have: undefined there. */
export function builtin<Name extends 'node:fs' | 'node:os'>(name: Name) {
  return globalThis.process?.getBuiltinModule?.(name);
}
