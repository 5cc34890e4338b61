import type { Device, Launch, Transfer } from '../../tensor/device.ts';
import { DeviceError } from '../../tensor/error.ts';
import type { Listener } from '../../tensor/tap.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { hear } from './hear.ts';
import { type ListRecord, measured, type PartRecord, type PassRecord, type Span, type TimeSource } from './record.ts';

/** The device's own clock, where it has one: how long what was submitted between start and stop took there. */
export interface DeviceClock {
  readonly source: Exclude<TimeSource, 'awaited'>;
  start(): void;
  stop(): Promise<{ readonly compute: number | null }>;
}

/** Records a pass while it runs. */
export interface Watch {
  readonly kind: PassRecord['kind'];
  /** What follows belongs to this part. The device must be idle: launches of the part before have run. */
  enter(part: string): void;
  /** Hears the activations: it is they that name launches. */
  readonly hear: Listener;
  /** Call when the device is idle; it is as it was before. */
  stop(): PassRecord;
}

/** A launch as it was heard of, with what is added once it has run. */
interface Entry {
  readonly launch: Launch;
  readonly part: string;
  tap: string | null;
  compute: number | null;
}

/** Whose results stay on the device: a launch returns before it is done, and only the device's clock knows how long it took. */
const RESIDENT: ReadonlySet<string> = new Set(['webgpu', 'webgl2', 'headlessgl']);

/** Devices that are being watched: a second watcher would put back what the first one changed. */
const watched = new WeakSet<Device>();

/**
 * Watches all that a device does. A listener that heard its launches before goes on afterwards.
 *
 * @throws DeviceError when it is being watched already
 */
export function watch(device: Device, kind: PassRecord['kind'], clock?: DeviceClock): Watch {
  if (watched.has(device)) {
    throw new DeviceError(`${device.name}: it is being profiled already; wait until that has ended`);
  }
  watched.add(device);
  const { driver } = device;
  const { run, read, upload, flush } = driver;
  // Kernels that are heard run one by one: otherwise only a whole list has a time.
  const recorded = flush !== undefined && kind !== 'stepwise';
  const entries: Entry[] = [];
  const makers = new WeakMap<Tensor, Entry>();
  const transfers: (Transfer & { readonly part: string })[] = [];
  const lists: ListRecord[] = [];
  const parts: { readonly name: string; readonly start: number }[] = [];
  let part = '';
  let ran = 0; // launches run in the order in which they were made
  const heard: Parameters<typeof hear>[1] = {
    onLaunch(launch, output) {
      if (!recorded) launch.kernels = [];
      const entry = { launch, part, tap: null, compute: null };
      entries.push(entry);
      if (kind === 'stepwise') makers.set(output, entry);
    },
    onTransfer: (transfer) => void transfers.push({ ...transfer, part }),
  };
  const stopHearing = hear(device, kind === 'unwatched' ? {} : heard);
  if (recorded && kind === 'fused') {
    driver.flush = () => {
      const start = performance.now();
      flush.call(driver);
      lists.push({ part, start, milliseconds: performance.now() - start });
    };
    // What waits for a list is told apart from it.
    driver.read = (...given) => {
      driver.flush?.();
      return read.apply(driver, given);
    };
    driver.upload = (...given) => {
      driver.flush?.();
      return upload.apply(driver, given);
    };
  }
  if (clock && kind !== 'unwatched') {
    driver.run = async (...given) => {
      const entry = entries[ran++];
      clock.start();
      const storage = await run.apply(driver, given);
      entry.compute = (await clock.stop()).compute;
      return storage;
    };
  }

  let begin = performance.now();
  const span = ({ start = begin, milliseconds = 0 }: { [part in keyof Span]: number | undefined }): Span => ({
    start: start - begin,
    milliseconds,
  });

  function record({ launch, part, tap, compute }: Entry) {
    const { op, path, inputs, shape, operations, bytes, asked, launching, kernels } = launch;
    const source: TimeSource | null = clock?.source ?? (recorded || RESIDENT.has(device.name) ? null : 'awaited');
    const milliseconds = measured(clock ? compute : source && launch.milliseconds);
    return {
      ...{ part, op, path, tap, inputs, shape, operations, bytes },
      launching: span({ start: asked, milliseconds: launching }),
      awaited: span(launch),
      milliseconds,
      source: milliseconds === null ? null : source,
      kernels: (kernels ?? []).map((kernel) => ({ name: kernel.name, ...span(kernel) })),
    };
  }

  return {
    kind,
    enter(name) {
      part = name;
      parts.push({ name, start: performance.now() });
      begin = parts[0].start;
    },
    hear(name, tensor) {
      const maker = makers.get(tensor);
      if (maker) maker.tap ??= name; // the innermost name: modules that end with it are heard after it
      return undefined;
    },
    stop() {
      const over = performance.now();
      watched.delete(device);
      stopHearing();
      Object.assign(driver, { run, read, upload }, flush && { flush });
      const lasting = (start: number, i: number) => (parts[i + 1]?.start ?? over) - start;
      return {
        kind,
        milliseconds: over - begin,
        parts: parts.map(
          ({ name, start }, i): PartRecord => ({
            name,
            ...span({ start, milliseconds: lasting(start, i) }),
          }),
        ),
        launches: entries.map(record),
        transfers: transfers.map(({ part, kind, label, bytes, ...when }) => ({
          ...{ part, kind, label, bytes },
          ...span(when),
        })),
        lists: lists.map((list) => ({ part: list.part, ...span(list) })),
      };
    },
  };
}
