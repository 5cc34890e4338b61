/** One start of the shipped model: its times as JSON on stdout. */
import { join } from 'node:path';
import { SHIPPED_MODEL } from '../src/shipped.ts';

/** Milliseconds, but for the last. */
export interface TinyTimes {
  /** Node and the TypeScript loader, until the first line of ours runs with everything it needs. */
  readonly loading: number;
  /** From there to the first token of an answer about a picture. */
  readonly firstToken: number;
  /** Of the steps behind a prefill. */
  readonly tokensPerSecond: number;
}

const TOKENS = 256;

const { chat, load } = await import('../src/index.ts');
const { generate } = await import('../src/generate/generate.ts');
const { createSampler, GREEDY } = await import('../src/generate/sample.ts');
const loading = performance.now();

const model = await load(SHIPPED_MODEL, { device: 'simd', threads: Number(process.argv[2]) });
const message = [{ image: join(SHIPPED_MODEL, 'pictures', 'scene-1.png') }, { text: 'What is in the picture?' }];
await chat(model, message).next();
const firstToken = performance.now() - loading;

const prompt = Int32Array.from(model.tokenizer.encode('A picture of a red square, and a blue one.'));
const samplers = [createSampler(GREEDY, prompt, [])];
const steps = generate(model.model, [prompt], undefined, { maxNewTokens: TOKENS, samplers, ends: () => false });
const times: number[] = [];
for await (const _ of steps) times.push(performance.now());
const tokensPerSecond = ((times.length - 1) * 1000) / (times.at(-1)! - times[0]);
await model.close();

const result: TinyTimes = { loading, firstToken, tokensPerSecond };
console.log(JSON.stringify(result));
