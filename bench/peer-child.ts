/** The process of one other engine: it is told what to run, then runs it as often as it is asked. */
import { createRequire } from 'node:module';
import { BLOCK_ENGINES } from './peer-blocks.ts';
import { ENGINES } from './peer-engines.ts';
import type { Answer, Request } from './peer-process.ts';
import { sampledIndices } from './product-data.ts';

let run: () => Promise<Float32Array>;

process.on('message', async (request: Request) => {
  try {
    reply(await answer(request));
  } catch (error) {
    reply({ failed: error instanceof Error ? error.message : String(error) });
  }
});

async function answer(request: Request): Promise<Answer> {
  if ('run' in request) {
    const start = performance.now();
    await run();
    return { milliseconds: performance.now() - start };
  }
  if ('shape' in request) {
    const { engine, packages, shape, threads } = request;
    ({ run } = await ENGINES[engine](createRequire(packages), engine, shape, threads));
    const y = await run();
    return { samples: sampledIndices(shape).map((index) => y[index]) };
  }
  const { engine, packages, config, size } = request;
  run = await BLOCK_ENGINES[engine](packages, config, size);
  return { samples: [...(await run())] };
}

function reply(message: Answer): void {
  process.send?.(message);
}
