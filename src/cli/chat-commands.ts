import { InputError } from '../error.ts';
import { readPicture } from '../input/read-picture.ts';
import { drawBoxes } from './boxes.ts';
import { type Conversation, picturesOf, type Shown } from './conversation.ts';
import { save } from './files.ts';
import { checkOutput } from './outputs.ts';
import { canPreview, previewPicture } from './preview.ts';
import { dim, draw, say } from './terminal.ts';

const PREVIEW_COLUMNS = 48;

const HELP = `/image PATH…      add pictures to the next message
/boxes [N] [FILE] draw the boxes of the last answer on picture N (default: the last picture)
/save FILE        write the conversation as JSON
/reset            forget the conversation and its pictures
/exit             leave (Ctrl-D does too)`;

/**
 * Carries out a line that begins with a slash.
 *
 * @throws InputError for a command that does not exist, or that cannot be carried out
 */
export async function obey(line: string, conversation: Conversation, leave: () => void): Promise<void> {
  const [command, ...words] = line.split(/\s+/);
  switch (command) {
    case '/help':
      for (const each of HELP.split('\n')) say(dim(each));
      return;
    case '/image':
      return addPictures(conversation, line.slice(command.length).trim(), words);
    case '/boxes':
      return boxes(conversation, words);
    case '/save':
      return saveTurns(conversation, line.slice(command.length).trim());
    case '/reset':
      conversation.exchanges = [];
      conversation.next = [];
      return say(dim('forgotten'));
    case '/exit':
      return leave();
    default:
      throw new InputError(command, 'there is no such command', 'see /help');
  }
}

/** Puts a picture into the next message, and shows it where the terminal can. */
export function show(conversation: Conversation, shown: Shown): void {
  conversation.next.push(shown);
  const { path, picture } = shown;
  say(dim(`Picture ${picturesOf(conversation).length}: ${path}, ${picture.width} × ${picture.height}`));
  if (canPreview(process.stderr, process.env)) {
    draw(previewPicture(picture, Math.min(PREVIEW_COLUMNS, process.stderr.columns || PREVIEW_COLUMNS)));
  }
}

/** Takes the words for one path with spaces if there is no picture of the first word's name. */
async function addPictures(conversation: Conversation, whole: string, words: string[]): Promise<void> {
  if (whole === '') throw new InputError('/image', 'no path', 'as in: /image cat.jpg');
  const paths = words.length > 1 ? await pathsIn(whole, words) : [whole];
  for (const path of paths) {
    const picture = await readPicture(path);
    show(conversation, { path, picture });
  }
}

async function pathsIn(whole: string, words: string[]): Promise<string[]> {
  const readable = await readPicture(whole).then(
    () => true,
    () => false,
  );
  return readable ? [whole] : words;
}

async function boxes(conversation: Conversation, words: string[]): Promise<void> {
  const last = conversation.exchanges.at(-1);
  const pictures = picturesOf(conversation);
  if (!last || pictures.length === 0) throw new InputError('/boxes', 'no answer about a picture yet', 'ask first');
  const numbered = /^\d+$/.test(words[0] ?? '');
  const number = numbered ? Number(words[0]) : pictures.length;
  const shown = pictures[number - 1];
  if (!shown)
    throw new InputError('/boxes', `picture ${number}, expected 1 to ${pictures.length}`, 'choose one of them');
  const file = words.slice(numbered ? 1 : 0).join(' ');
  if (!(await drawBoxes(last.assistant, [shown], file === '' ? {} : { boxes: file }))) {
    say(dim('there is no box in the last answer'));
  }
}

async function saveTurns(conversation: Conversation, file: string): Promise<void> {
  const { exchanges } = conversation;
  if (file === '') throw new InputError('/save', 'no file', 'as in: /save conversation.json');
  const turns = exchanges.map(({ pictures, user, assistant }) => ({
    pictures: pictures.map(({ path }) => path),
    user,
    assistant,
  }));
  await checkOutput(
    file,
    picturesOf(conversation).map(({ path }) => path),
    '/save',
  );
  await save(file, `${JSON.stringify(turns, null, 2)}\n`, '/save');
  say(dim(`${turns.length} turns saved: ${file}`));
}
