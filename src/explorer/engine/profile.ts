import { closeDevice, type Device } from '../../../tensor/device.ts';
import { modelOn } from '../../generate/model-on.ts';
import { imageRows } from '../../model/placed-images.ts';
import type { Model } from '../../model/qwen-vl.ts';
import { openDevice } from '../../open-device.ts';
import { clockFor } from '../../profile/device-clock.ts';
import type { Workload } from '../../profile/pass.ts';
import { type Profile, profile } from '../../profile/profile.ts';
import { higher } from '../../profile/rates.ts';
import { measureRoofs, type Roofs } from '../../profile/roofs.ts';
import { impossible } from '../../profile/summary.ts';
import type { DeviceClock } from '../../profile/watch.ts';
import { type Engine, lastExchange } from './engine.ts';
import type { Context } from './service.ts';

/** The last answer, run again with everything timed. */
export interface Profiled {
  readonly profile: Profile;
  readonly roofs: Roofs;
  readonly device: { readonly name: string; readonly description: string };
  /** Why the device has no clock of its own. */
  readonly noClock: string | undefined;
  /** Tokens of the prompt, its pictures' among them. */
  readonly prompt: number;
}

/** No new run is begun after so long. */
const PATIENCE_MILLISECONDS = 1500;
/** More than most caches hold, and a share of what a page may have; nobody waits for more runs. */
const ROOFS = { mostBytes: 2 ** 27, runs: 2 };
/** A roof that was exceeded is measured again, but not for ever. */
const MOST_MEASUREMENTS = 3;

/** Those that were measured in this page, by what ran. */
const known = new Map<string, Roofs>();

/**
 * Profiles the last answer: its prompt and pictures, and as many tokens.
 *
 * @throws InputError when nothing was asked; DeviceError
 */
export async function profileLast(
  { threads }: { readonly threads: number },
  { engine, report, signal }: Context<string>,
): Promise<Profiled> {
  const current = engine();
  const { ids, pixels, images, tokens } = lastExchange(current).inputs;
  const work: Workload = {
    pixels: async () => pixels,
    ...{ images, ids, source: imageRows([ids], current.system.model.config), tokens: Math.max(1, tokens.length) },
  };
  return withClock(current, threads, async (model, clock, noClock) => {
    const { device } = model;
    const found = await profile(model, work, {
      clock,
      patienceMilliseconds: PATIENCE_MILLISECONDS,
      onPass(kind, run) {
        signal.throwIfAborted();
        report(kind === 'first' ? 'the first pass' : `pass ${run + 1}, ${kind}`);
      },
    });
    let roofs = known.get(device.description);
    for (let i = 0; i < MOST_MEASUREMENTS && (!roofs || impossible(found.stepwise, roofs).length > 0); i++) {
      signal.throwIfAborted();
      report('measuring the roofs of this device, which takes some seconds');
      const measured = await measureRoofs(device, threads, ROOFS);
      roofs = roofs ? higher(roofs, measured) : measured;
      known.set(device.description, roofs);
    }
    const { name, description } = device;
    return { profile: found, roofs: roofs!, device: { name, description }, noClock, prompt: ids.length };
  });
}

/** A GPU's own clock has to be there before its device is: the model is put on another one, whose clock it is. */
async function withClock<Result>(
  { device, system }: Engine,
  threads: number,
  work: (model: Model, clock: DeviceClock | undefined, noClock: string | undefined) => Promise<Result>,
): Promise<Result> {
  const name = device.name;
  if (name !== 'webgpu' && name !== 'webgl2') return work(system.model, undefined, undefined);
  const installed = await clockFor(name);
  if ('unavailable' in installed) return work(system.model, undefined, installed.unavailable);
  let clocked: Device | undefined;
  try {
    clocked = (await openDevice(name, threads)).device;
    return await work(modelOn(clocked, system.checkpoint, system.resident), installed, undefined);
  } finally {
    installed.restore();
    if (clocked) await closeDevice(clocked);
  }
}
