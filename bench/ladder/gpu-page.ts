import type { Device } from '../../tensor/device.ts';
import { summary, type Timing } from '../measure.ts';
import { weightData, xData } from '../product-data.ts';
import type { GpuRung, PreparedOnGpu } from './gpu-rung.ts';
import { checkResult, samples } from './reference.ts';

/** Runs in the page. */
export interface GpuWork {
  readonly rung: string;
  readonly shapes: readonly { readonly M: number; readonly K: number; readonly N: number }[];
}

export interface GpuMeasured {
  readonly timings: readonly Timing[];
  readonly shader: PreparedOnGpu['shader'];
  readonly adapter: string;
  readonly softwareRendered: boolean;
}

const RUNS = 5;

/** Prepares a rung for each shape, compares it with float64 and times it. */
export async function measureGpuRung(_: Device, { rung: name, shapes }: GpuWork): Promise<GpuMeasured> {
  const { rung } = (await import(/* @vite-ignore */ `/bench/ladder/gpu-rungs/${name}.ts`)) as { rung: GpuRung };
  const timings: Timing[] = [];
  let shader: PreparedOnGpu['shader'] | undefined;
  for (const shape of shapes) {
    const problem = { ...shape, x: xData(shape), w: weightData(shape), bias: new Float32Array(shape.N) };
    const prepared = await rung.prepare(problem);
    await prepared.run();
    checkResult(rung, problem, await prepared.result(), samples(shape.M, shape.N));
    const times: number[] = [];
    for (let run = 0; run < RUNS; run++) {
      const start = performance.now();
      await prepared.run();
      times.push(performance.now() - start);
    }
    timings.push(summary(times));
    ({ shader } = prepared);
    await prepared.close?.();
  }
  return { timings, shader: shader!, ...(await adapterOf(shader!.language)) };
}

/** What renders, in its own words: a processor calls itself SwiftShader or llvmpipe. */
async function adapterOf(language: PreparedOnGpu['shader']['language']) {
  const adapter = language === 'wgsl' ? await webgpuAdapter() : webglRenderer();
  return { adapter, softwareRendered: /swiftshader|llvmpipe|software|basic render/i.test(adapter) };
}

async function webgpuAdapter(): Promise<string> {
  const info = (await navigator.gpu.requestAdapter())?.info;
  return [info?.vendor, info?.architecture, info?.description].filter(Boolean).join(' ') || 'unknown';
}

function webglRenderer(): string {
  const gl = new OffscreenCanvas(1, 1).getContext('webgl2');
  const names = gl?.getExtension('WEBGL_debug_renderer_info');
  return gl && names ? String(gl.getParameter(names.UNMASKED_RENDERER_WEBGL)) : 'unknown';
}
