import { digits, markdown, spread } from './page-format.ts';
import type { GpuResults, GpuRungResult } from './rung.ts';

/** The rungs in a browser, as parts of the page. */
export function gpuSection(results: GpuResults): string[] {
  const heading = '## In a browser: rungs of a GPU';
  if ('unavailable' in results) return [heading, `Not measured in this run: ${results.unavailable}.`];
  const software = results.some(({ softwareRendered }) => softwareRendered);
  return [
    heading,
    ...(software
      ? [
          '**Rendered in software.** A processor does the work of a GPU here: these times compare with each other, and say nothing about GPUs.',
        ]
      : []),
    'Prefill is smaller than that of the other rungs, as the column says. *ms* is a whole run, from the call until the result is on the host. The next three are one more run by the clock of the device (timestamps of WebGPU, timer queries of WebGL): kernels, data that it was given, data that was taken from it; – is what it did not do, or what cannot be timed.',
    markdown(
      ['rung', 'product', 'shape', 'ms', 'from – to', 'GFLOP/s', 'kernels', 'upload', 'read-back', 'rendered by'],
      results.flatMap((result) => result.runs.map((run) => row(result, run))),
    ),
    ...results.flatMap(section),
  ];
}

function row(
  { title, adapter, softwareRendered }: GpuRungResult,
  { product, M, K, N, timing, device }: GpuRungResult['runs'][number],
): string[] {
  const rate = (2 * M * N * K) / timing.median / 1e6;
  const shape = `${M} × ${K} → ${N}`;
  const rendered = softwareRendered ? `software (${adapter})` : adapter;
  const onDevice = [device?.compute, device?.upload, device?.readBack].map((time) => (time ? digits(time) : '–'));
  return [title, product, shape, digits(timing.median), spread(timing), digits(rate), ...onDevice, rendered];
}

const section = ({ title, prediction, why, code, shader }: GpuRungResult): string[] => [
  `### ${title}`,
  `**Prediction.** ${prediction}`,
  `\`\`\`ts\n${code.trimEnd()}\n\`\`\``,
  `<details><summary>${shader.language.toUpperCase()}</summary>\n\n\`\`\`${shader.language}\n${shader.text.trimEnd()}\n\`\`\`\n\n</details>`,
  `**Why.** ${why}`,
];
