import { InputError } from '../error.ts';
import { DEVICE_NAMES } from '../open-device.ts';
import { quote } from '../quote.ts';
import { readArguments, refuseOthers } from './arguments.ts';
import type { Options } from './options.ts';
import { checkOutputs } from './outputs.ts';
import { print } from './terminal.ts';

const HELP = `qvl: Qwen-VL in TypeScript, from first principles

  qvl                              the main job: three questions about two pictures, and what was checked
  qvl ask PICTURE… "QUESTION"      ask about PNG, JPEG, WebP or GIF pictures
  qvl chat [PICTURE…]              talk about pictures; /help there tells more
  qvl inspect [CONFIG.json|FOLDER] parameters, operations and bytes of every stage, and what a folder's weights take; --taps: every activation
  qvl tokenizer [TOKENIZER.json]   writes the published vocabulary, qwen.tiktoken, for a checkpoint that lacks it
  qvl tokenizer --encode TEXT      the tokens of a text (--decode "IDS": the text of tokens)
  qvl verify [GOLDEN…]             compares every activation, gradient, picture and prompt with the original's (default: all, on all devices)
  qvl trace PICTURE… "QUESTION"    records every activation in the safetensors file of -o (also: qvl trace GOLDEN)
  qvl compare A B                  measures one such file against another, ours or not
  qvl profile PICTURE… "QUESTION"  where the time goes: every kernel, its rates, its share of the machine's roofs
  qvl profile --train              the same of a step of training: forwards, backwards, AdamW
  qvl explain TAP                  what an activation is, where it is computed, and how far it is from its golden
  qvl data                         samples that training is made of, with their pictures and what is supervised
  qvl train [FILE.jsonl] --out FOLDER   trains a stage on made scenes, or the small checkpoint on your conversations
  qvl eval [FILE.jsonl]            asks questions whose answers are known, and judges: a table by task and language
  qvl merge                        writes the --model with its --adapter merged into it, as a model folder, to -o
  qvl help

  --model FOLDER      a Qwen-VL checkpoint as published (default: the small one that comes along)
  --adapter FOLDER    ask, chat, verify, trace, profile, inspect, merge, eval: a LoRA adapter of it, as PEFT saves it
  --device NAME       ${DEVICE_NAMES.join(', ')} (default: auto, WebGPU where there is a GPU, else simd)
                      verify: several, as in cpu,webasm; cpu-bfloat16 is for goldens in bfloat16
  --threads N         threads of simd, and of webasm's matrix products (default: the machine's cores, at most 4)
  --memory GB         what the weights may take (default: 60 % of the machine's); a larger model is streamed from its files
  --resident          ask, chat: the decoder has to stay in memory, or it is an error (default: it stays where it fits)
  --max-new-tokens N, --min-new-tokens N   ask, chat: how long an answer may become, and must
  --temperature X     ask, chat: 0: always the likeliest token; above, tokens are drawn
  --top-p X, --top-k N, --seed N, --repetition-penalty X, --stop TEXT (several times)
                      ask, chat: how they are drawn and where an answer ends (default: all as the checkpoint says)
  --boxes FILE        ask: where to draw the boxes of an answer, .png or .svg (default: by the picture's name, in out/); of
                      several pictures on the latest
  --tokens N          inspect: length of the prompt to price (default: one picture and 24 tokens); profile: how many to make (default: 8),
                      with --train how many a conversation has (default: 60)
  --batch N, --recompute            profile --train: how many conversations (default: 32); blocks run again on the way back
  --tap GLOB          verify, trace, compare: which activations (several times)
  --mode free,forced,fused          verify: running free, every block from the original's input, as an answer runs (default: all)
  --html FILE, --json FILE          verify, compare, profile, data, eval: a page to look at; the measurements, for --judge
  --trace FILE, --roofs             profile: a trace for Perfetto and speedscope; measures the machine's roofs anew
  --judge FILE, --tolerances FILE   verify: judges saved measurements again, by another table
  --resume FILE       verify at full size: keeps its progress there, and takes it up again; train: goes on from a training.safetensors
  --stage N           train, data: which stage, 0 to 3 (default of train: 3, of data: 2)
  --out FOLDER        train: where the trained checkpoint goes; Ctrl-C saves and stops; data: writes samples.jsonl and their pictures
  --steps N, --batch N, --rate X    train: how long, how many sequences a step, the peak of the learning rate (default: by the stage)
  --pack TOKENS       train --stage 2: samples of one task share sequences of so many tokens (the paper: 2048; default: each has its own)
  --shares TASKS      train --stage 2 or 3, data: how often tasks are drawn, as in "caption 8, text 0.5" (default: all as the stage's mixture)
  --lora RANK, --lora-alpha X, --lora-targets NAMES   train: only an adapter of the model's linear layers, as PEFT saves it, over 4 bits
                      too (default: alpha 16, c_attn,attn.c_proj,w1,w2)
  --scenes N          eval: how many made scenes are asked about where there is no FILE.jsonl (default: 500)
  --style NAME        eval: the drawings that they show (noto, fluent-emoji-flat, twemoji; openmoji, which is never trained on; default: the first three)
  --price             train: operations, memory and time of each stage for the published model, without a weight
  --task NAME, --show N             data: one task alone, how many (default: 5)
  --from FILE.jsonl   data: a user's own conversations, one a line, in the released fine-tuning format
  --golden GOLDEN     explain: what to compare with (default: the small checkpoint's)
  -o, --output FILE   tokenizer, trace, merge: where to write (tokenizer's default: qwen.tiktoken)
  --debug             stack traces

An option that a command would not heed is refused. Files are written whole or not at all, and never over what is read.
With npm, options come after "--": npm start -- ask cat.jpg "What is in the picture?"
Exit codes: 0 answered or passed, 1 too far from the original, 2 bad input or usage, 3 no such device here, 130 interrupted.`;

type Run = (words: string[], options: Options) => Promise<void>;

/** Each is imported when it is asked for: all of them together take most of a second. */
const COMMANDS: Record<string, () => Promise<Run>> = {
  demo: async () => (await import('./demo.ts')).runDemo,
  ask: async () => (await import('./ask.ts')).runAsk,
  chat: async () => (await import('./chat.ts')).runChat,
  inspect: async () => (await import('./inspect.ts')).runInspect,
  tokenizer: async () => (await import('./tokenizer.ts')).runTokenizer,
  verify: async () => (await import('./verify.ts')).runVerify,
  trace: async () => (await import('./trace.ts')).runTrace,
  profile: async () => (await import('./profile.ts')).runProfile,
  compare: async () => (await import('./compare.ts')).runCompare,
  explain: async () => (await import('./explain.ts')).runExplain,
  data: async () => (await import('./data.ts')).runData,
  train: async () => (await import('./train.ts')).runTrain,
  eval: async () => (await import('./eval.ts')).runEval,
  merge: async () => (await import('./merge.ts')).runMerge,
  help: async () => async () => help(),
};

const help = () => {
  for (const line of HELP.split('\n')) print(line);
};

/**
 * Carries out a command line.
 *
 * @param given what follows `qvl`
 * @throws InputError, DeviceError for what `main.ts` says in one line
 */
export async function runCommand(given: string[]): Promise<void> {
  const { command, words, options } = readArguments(given);
  if (options.help) return help();
  const load = Object.hasOwn(COMMANDS, command) ? COMMANDS[command] : undefined;
  if (!load) throw new InputError(quote(command), 'there is no such command', 'see "qvl help"');
  refuseOthers(command, options);
  await checkOutputs(words, options);
  const run = await load();
  await run(words, options);
}
