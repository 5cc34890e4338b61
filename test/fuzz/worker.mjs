/** Node translates no TypeScript in a worker by itself, whatever its parent was started with. */
import { register } from 'tsx/esm/api';

register();
await import('./worker.ts');
