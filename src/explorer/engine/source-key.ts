/** A station's name without the number of its block, or of its turn outside of blocks: what is alike in all of them. */
export const sourceKey = (name: string): string =>
  name.replace(/\b(resblocks|h)\.\d+/, '$1.N').replace(/^(\w+)\.\d+$/, '$1.N');
