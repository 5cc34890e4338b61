#!/usr/bin/env node
// The command `qvl`: registers the TypeScript loader, then hands over to main.ts.
import { register } from 'tsx/esm/api';

register();
await import('./main.ts');
