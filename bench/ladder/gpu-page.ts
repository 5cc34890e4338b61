import { clockFor } from '../../src/profile/device-clock.ts';
import type { DeviceTimes, GpuClock } from '../../src/profile/device-times.ts';
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
  /** In the order of the shapes. */
  readonly runs: readonly { readonly timing: Timing; readonly device: DeviceTimes | null }[];
  readonly shader: PreparedOnGpu['shader'];
  readonly adapter: string;
  readonly softwareRendered: boolean;
}

const RUNS = 5;

/** Of the whole page: GPU.js asks for one device, and a clock comes before that. */
const clocks = Promise.all([clockFor('webgpu'), clockFor('webgl2')]).then(([wgsl, glsl]) => ({ wgsl, glsl }));

/** Prepares a rung for each shape, compares it with float64 and times it. */
export async function measureGpuRung(_: Device, { rung: name, shapes }: GpuWork): Promise<GpuMeasured> {
  const { rung } = (await import(/* @vite-ignore */ `/bench/ladder/gpu-rungs/${name}.ts`)) as { rung: GpuRung };
  const installed = await clocks;
  const runs: GpuMeasured['runs'][number][] = [];
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
    ({ shader } = prepared);
    const clock = installed[shader.language];
    runs.push({ timing: summary(times), device: 'unavailable' in clock ? null : await onClock(clock, prepared) });
    await prepared.close?.();
  }
  return { runs, shader: shader!, ...(await adapterOf(shader!.language)) };
}

/** A run that does not count otherwise: the clock costs time. */
async function onClock(clock: GpuClock, { run }: PreparedOnGpu): Promise<DeviceTimes> {
  clock.start();
  await run();
  return clock.stop();
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
