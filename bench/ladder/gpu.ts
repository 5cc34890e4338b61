import { readFile } from 'node:fs/promises';
import { findChromium } from '../../test/browser/chromium.ts';
import { openPage } from '../../test/browser/open-page.ts';
import type { GpuMeasured, GpuWork } from './gpu-page.ts';
import type { GpuRung } from './gpu-rung.ts';
import { rung as webgl2 } from './gpu-rungs/23-webgl2.ts';
import { rung as webgpu } from './gpu-rungs/24-webgpu.ts';
import { rung as array4 } from './gpu-rungs/25-array4.ts';
import { rung as createPipeline } from './gpu-rungs/26-create-pipeline.ts';
import { rung as wgslTiles } from './gpu-rungs/27-wgsl-tiles.ts';
import type { GpuResults, GpuRungResult } from './rung.ts';
import { regionOf } from './source.ts';

export const GPU_RUNGS: readonly GpuRung[] = [webgl2, webgpu, array4, createPipeline, wgslTiles];

/** Prefill is smaller than that of the other rungs: a processor that plays a GPU does a fraction of a GFLOP a second. */
const PRODUCTS = [
  { product: 'prefill', M: 70, K: 1024, N: 1024 },
  { product: 'decode', M: 1, K: 4096, N: 4096 },
] as const;

/** Measures the rungs of a GPU in Chromium, or says why there are none. */
export async function runGpuRungs(): Promise<GpuResults> {
  const executable = findChromium();
  if (!executable) return { unavailable: 'no Chromium was found; install one or set CHROMIUM to its path' };
  const page = await openPage(executable);
  try {
    const results: GpuRungResult[] = [];
    for (const rung of GPU_RUNGS) {
      process.stderr.write(rung.title.padEnd(40));
      const argument: GpuWork = { rung: rung.name, shapes: PRODUCTS };
      const { runs: timed, ...measured } = await page.run<GpuMeasured>({
        device: 'null',
        module: '/bench/ladder/gpu-page.ts',
        name: 'measureGpuRung',
        argument,
      });
      const code = regionOf(await readFile(new URL(`gpu-rungs/${rung.name}.ts`, import.meta.url), 'utf8'));
      const { name, title, prediction, why } = rung;
      const runs = PRODUCTS.map((product, i) => ({ ...product, ...timed[i] }));
      results.push({ name, title, prediction, why, code, ...measured, runs });
      process.stderr.write(`${runs.map(({ timing }) => `${timing.median.toFixed(1).padStart(10)} ms`).join('')}\n`);
    }
    return results;
  } finally {
    await page.close();
  }
}
