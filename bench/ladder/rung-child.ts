/** The process of one rung: it is told a shape, then runs the product as often as it is asked. */
import { timed } from '../measure.ts';
import { weightData, xData } from '../product-data.ts';
import { checkResult, samples } from './reference.ts';
import type { Prepared, Rung } from './rung.ts';
import type { Answer, Request } from './rung-process.ts';

let prepared: Prepared | undefined;

process.on('disconnect', () => process.exit());
process.on('message', async (request: Request) => {
  const answer: Answer = await work(request).then(
    (milliseconds) => ({ milliseconds }),
    (error: unknown) => ({ failed: error instanceof Error ? error.message : String(error) }),
  );
  process.send?.(answer, () => undefined); // nobody listens any more when the whole run was stopped
});

async function work(request: Request): Promise<number> {
  if (!('run' in request)) return timed(() => prepare(request));
  if (!prepared) throw new Error('nothing is prepared');
  const { run } = prepared;
  return timed(run);
}

async function prepare({ prepare: name, shape, threads }: Exclude<Request, { run: true }>): Promise<void> {
  // The other rungs stay away: GPU.js, for one, only has to be imported to slow typed arrays down.
  const { rung }: { rung: Rung } = await import(`./rungs/${name}.ts`);
  await prepared?.close?.();
  const bias = xData({ ...shape, M: 1, K: shape.N });
  const problem = { ...shape, x: xData(shape), w: weightData(shape), bias };
  prepared = await rung.prepare(problem, threads);
  await prepared.run();
  checkResult(rung, { ...problem, w: prepared.w ?? problem.w }, await prepared.result(), samples(shape.M, shape.N));
}
