import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Tests count the threads of their process and change its globals: each file has one of its own.
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Never istanbul: it rewrites functions, and GPU.js translates the source text of the kernels.
    coverage: { provider: 'v8', include: ['src/**', 'tensor/**', 'kernels/**'] },
  },
});
