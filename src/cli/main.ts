import { inspect } from 'node:util';
import { runCommand } from './commands.ts';
import { complain, endOf, endOnSignals, leave, outliveListeners } from './ending.ts';
import { fuseMultiplyAdds } from './multiply-add.ts';
import { say } from './terminal.ts';

function fail(error: unknown): void {
  const { message, code } = endOf(error);
  if (process.argv.includes('--debug')) for (const line of inspect(error).split('\n')) say(line);
  complain(message);
  leave(code);
}

outliveListeners();
endOnSignals();
process.on('uncaughtException', fail); // and rejections that are not awaited
fuseMultiplyAdds();
runCommand(process.argv.slice(2)).catch(fail);
