import { createInterface, type Interface } from 'node:readline';
import { InputError } from '../error.ts';
import { type AnswerOptions, answer } from '../generate/answer.ts';
import { createSight, type Sight } from '../generate/sight.ts';
import type { System } from '../generate/system.ts';
import { openSystemFor } from './ask.ts';
import { look, obey, type Seen, show } from './chat-commands.ts';
import { type Conversation, newConversation, questionOf, remember } from './conversation.ts';
import type { Options } from './options.ts';
import type { PartReport } from './part-report.ts';
import { imageSize } from './pictures.ts';
import { answerOptions } from './sampling.ts';
import { dim, printAnswer, say } from './terminal.ts';

const INTERRUPTED = 130;

/** `qvl chat PICTURE…`: a conversation, one line a message, on a terminal or through pipes. */
export async function runChat(paths: string[], options: Options): Promise<void> {
  const chosen = answerOptions(options);
  const conversation = newConversation(await imageSize(options));
  const pictures: Seen[] = [];
  for (const path of paths) pictures.push(await look(path, conversation)); // bad input is known before any work starts
  const { system, report, close } = await openSystemFor(options);
  const sight = createSight(system.model);
  const terminal = process.stdin.isTTY === true && process.stderr.isTTY === true;
  // The prompt goes to standard error, like all that is not an answer.
  const lines = createInterface({
    input: process.stdin,
    output: process.stderr,
    terminal,
    prompt: terminal ? '› ' : '',
  });
  const prompt = promptOf(lines);
  const interrupts = watchInterrupts(lines, prompt);
  try {
    for (const seen of pictures) show(conversation, seen);
    if (terminal) say(dim('Ask, or type /help. Ctrl-C stops an answer, twice it leaves.'));
    prompt();
    for await (const line of lines) {
      const words = line.trim();
      if (words !== '') {
        await attempt(async () => {
          if (words.startsWith('/')) return obey(words, conversation, () => lines.close());
          await reply({ system, report, sight }, conversation, words, { ...chosen, signal: interrupts.begin() });
        });
        interrupts.end();
      }
      prompt();
    }
  } finally {
    lines.close();
    interrupts.stop();
    sight.free();
    await close();
  }
}

/** Asks for a line while any can come: at the end of a pipe the last lines are still to be answered, and Node from 24 on throws there. */
function promptOf(lines: Interface): () => void {
  let open = true;
  lines.on('close', () => {
    open = false;
  });
  return () => {
    if (open) lines.prompt();
  };
}

/** Bad input ends a message, not the conversation. */
async function attempt(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    say(error.message.replaceAll('\n', ' '));
  }
}

/** Writes the answer as it comes. What was said before an interruption is remembered as the answer. */
async function reply(
  { system, report, sight }: { system: System; report: PartReport; sight: Sight },
  conversation: Conversation,
  words: string,
  options: AnswerOptions,
): Promise<void> {
  const question = questionOf(conversation, words);
  let text = '';
  let tokens = 0;
  try {
    const pieces = answer(system, question, {
      ...options,
      sight,
      onPart: (name) => report.enter(name, { live: name !== 'decode' }),
    });
    for await (const piece of pieces) {
      text += piece.text;
      if (piece.id !== undefined) tokens++;
      printAnswer(piece.text);
    }
  } catch (error) {
    if (!options.signal?.aborted) throw error;
    say(dim(' (interrupted)'));
  } finally {
    if (text !== '') printAnswer('\n');
    report.end((seconds) => (tokens > 0 ? ` · ${tokens} tokens, ${(tokens / seconds).toFixed(1)} a second` : ''));
  }
  if (text !== '') remember(conversation, words, text);
}

/** Ctrl-C: the first stops the answer that is being given, if there is one; a second one leaves. */
function watchInterrupts(lines: Interface, prompt: () => void) {
  let controller: AbortController | undefined;
  let before = false;
  const interrupt = () => {
    if (before) {
      say('');
      process.exit(INTERRUPTED);
    }
    before = true;
    if (controller) return controller.abort(new Error('interrupted'));
    say(dim('Ctrl-C again, or Ctrl-D, leaves'));
    prompt();
  };
  const heard = () => {
    before = false;
  };
  process.removeAllListeners('SIGINT'); // everywhere else it ends the process at once
  process.on('SIGINT', interrupt);
  lines.on('SIGINT', interrupt);
  lines.on('line', heard);
  return {
    begin() {
      controller = new AbortController();
      return controller.signal;
    },
    end() {
      controller = undefined;
    },
    stop() {
      process.off('SIGINT', interrupt);
    },
  };
}
