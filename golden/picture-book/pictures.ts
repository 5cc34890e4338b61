import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openWorld } from '../../src/data/index.ts';
import { randomAt } from '../../src/data/random.ts';
import { boxOf } from '../../src/data/samples/regions.ts';
import { paint } from '../../src/data/world/paint.ts';
import { captionOf, nameOf } from '../../src/data/world/words.ts';
import { EVALUATION_SEEDS } from '../../src/eval/scene-items.ts';
import { encodePng } from '../../src/input/boxes/draw.ts';
import { formatRegion } from '../../src/input/boxes/grounding.ts';

/** Beyond all seeds of training, and not that of `qvl eval`. Nothing was tried before it. */
const SEED = EVALUATION_SEEDS + 7;
/** Things of each picture; the last is a page of text. */
const THINGS = [2, 3, 1, 4, 2, 3, 5] as const;
/** Pixels a side: the model sees half as many. */
const SIDE = 224;

/** Draws the sample pictures, and writes down what is true of them: `npx tsx golden/picture-book/pictures.ts` */
async function drawAll(folder: string): Promise<void> {
  const world = await openWorld();
  const scenes = THINGS.map((count, i) => world.scene(randomAt(SEED, 'sample', i + 1), [count, count]));
  scenes.push(world.page(randomAt(SEED, 'sample', scenes.length + 1), 'English'));
  const truth = [];
  for (const [i, scene] of scenes.entries()) {
    const file = `scene-${i + 1}.png`;
    await writeFile(join(folder, 'pictures', file), encodePng(paint(scene, SIDE).picture));
    const things = scene.items.map((item) => ({
      english: nameOf(item.subject, 'English'),
      chinese: nameOf(item.subject, 'Chinese'),
      box: formatRegion({ ref: null, shapes: [boxOf(item)] }),
    }));
    truth.push({ file, caption: captionOf(scene, 'English'), things });
  }
  await writeFile(join(folder, 'pictures', 'scenes.json'), `${JSON.stringify(truth, null, 2)}\n`);
}

void drawAll(import.meta.dirname);
