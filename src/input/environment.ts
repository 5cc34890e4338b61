/** Whether this runs in Node, and not in a page: there files are read, here they are fetched. */
export const inNode: boolean = typeof process === 'object' && process.versions?.node !== undefined;
