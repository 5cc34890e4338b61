/** The process of one other engine: it is told a shape, then runs the product as often as it is asked. */
import { createRequire } from 'node:module';
import { ENGINES, type EngineProduct } from './peer-engines.ts';
import type { Answer, Request } from './peer-process.ts';
import { sampledIndices } from './product-data.ts';

let product: EngineProduct;

process.on('message', async (request: Request) => {
  try {
    reply(await answer(request));
  } catch (error) {
    reply({ failed: error instanceof Error ? error.message : String(error) });
  }
});

async function answer(request: Request): Promise<Answer> {
  if ('shape' in request) {
    const { engine, packages, shape, threads } = request;
    product = await ENGINES[engine](createRequire(packages), engine, shape, threads);
    const y = await product.run();
    return { samples: sampledIndices(shape).map((index) => y[index]) };
  }
  const start = performance.now();
  await product.run();
  return { milliseconds: performance.now() - start };
}

function reply(message: Answer): void {
  process.send?.(message);
}
