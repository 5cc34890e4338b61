import { defineConfig } from 'vitest/config';
import LongestFirst from './test/sequencer.ts';

/** Where no file counts threads, opens a browser, measures memory, mocks a module or leaves a global changed, but those that are named. */
const TOGETHER = [
  'test/{checkpoint,cli,data,eval,generate,house,input,train,verify}/**/!(browser|html|memory|picture-source|wiring).test.ts',
  'test/{bench,golden,kernels,model,museum}/**/!(browser|traps).test.ts',
  'test/profile/{clock,profile,summary,trace-events,training-step}.test.ts',
  'test/simd/{attention,float16,heads,instructions,int4,pack,product,recipes}.test.ts',
  'test/tensor/{caller,gradient,integers,null,queue,signature,tap}.test.ts',
  'test/*.test.ts',
];

/** What a browser is busy with for more than two minutes of two cores' time: the page's screens with real clicks, every operation, every activation of a golden, pictures and the traps of GPU.js, a step of training, profiles and the clocks of GPUs. */
const LONG_IN_BROWSER = [
  'test/explorer/{ask,ask-model,ask-pictures,break,look,offline,page,profile,speed,verify,walk}.test.ts',
  'test/{browser/kernels,browser/pictures,browser/traps,golden/browser,profile/browser,profile/clock-browser,train/browser}.test.ts',
];

export default defineConfig({
  test: {
    pool: 'forks',
    maxWorkers: 2,
    // For what never ends: the longest takes half a minute, and several where other programs have the processors.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    expect: { poll: { timeout: 60_000 } },
    sequence: { sequencer: LongestFirst },
    projects: [
      // Tests count the threads of their process and change its globals: each file has one of its own …
      {
        extends: true,
        test: { name: 'apart', include: ['test/**/*.test.ts'], exclude: [...TOGETHER, ...LONG_IN_BROWSER] },
      },
      // … but where none does, a process of its own and its imports take longer than most files' tests.
      { extends: true, test: { name: 'together', include: TOGETHER, isolate: false } },
      { extends: true, test: { name: 'page', include: LONG_IN_BROWSER } },
    ],
    // Never istanbul: it rewrites functions, and GPU.js translates the source text of the kernels.
    coverage: { provider: 'v8', include: ['src/**', 'tensor/**', 'kernels/**'] },
  },
});
