import type { BackwardFault } from './backward-fault.ts';
import type { Fault } from './fault.ts';
import { wayIn } from './fault.ts';
import { BACKWARD_FAULTS } from './faults-backward.ts';
import { COMPACT_FAULTS } from './faults-compact.ts';
import { OPTIMISER_FAULTS } from './faults-optimiser.ts';
import { ROOMS } from './museum.ts';

const INTRODUCTION = `# The bug museum

A checker that never failed proves nothing. Here are mistakes that have been made, or nearly, by those who wrote this model down, here or elsewhere; each can be
switched on, and [museum.test.ts](museum.test.ts) asserts that the comparison with the original finds every one of them at the activation where it enters,
while the sound model passes the same tolerances ([tolerances.ts](../../src/verify/tolerances.ts)).

No switch is in the model's code. A fault goes in where something is handed to the model: its *weights* as they are loaded, its *config*, its *inputs*, the kernels of
its *operations* by name, a *driver* that uploads something else, or *activations* that take the place of the right ones at a tap.

## Reading the pictures

Each shows the NMSE to the original's activations, tap by tap in the order of the computation, on a logarithmic scale. On its lower edge an activation is equal
to the original's, to the bit; on its upper edge it is no number.

* **Grey** is the sound model: float64 against PyTorch's float32, so this is PyTorch's own rounding. It grows slowly with depth.
* **Red** is the faulty model running free. Where it leaves the grey line the fault enters; what follows inherits it, but for what
  does not depend on it: the adapter's queries, the token embeddings and the rotary table have inputs of their own.
* **Blue** is the faulty model when every block begins with the original's activation. What stands out are the places that are wrong themselves: one peak is one wrong
  tensor, a peak in every block is a wrong operation. A decoding step has no blue line: there is no original cache to begin it with.
* The **dashed** line is the verdict: the first activation over its budget in any mode, named below the picture.

What is wrong *only in an answer* is found by the third mode alone, which runs the prompt as an answer does: one picture after the other, attention in one operation,
the scores of the last row. There red is that mode.

Red above 1e-5 is a mistake in the mathematics. Between 1e-12 and 1e-5 it is one of precision, or an approximation: these change no answer on a good day, and no test of answers finds them.

What is not here: a softmax that does not subtract the largest score first, a variance from mean(x²) − mean², an index in float32. On these goldens they give the same numbers, up to
PyTorch's own rounding; [tests of the kernels](../kernels) on rows made for it find them. An activation without a float64 twin can hide an error as small as PyTorch's rounding, so
that it shows first at the next one that has a twin; the verdict says in how many before it it may have gone unseen. Planted in every activation of model-e in turn, an error of 3e-6 was
always found in its place, of 1e-6 in three of four.

\`npx tsx test/museum/draw.ts\` writes this page and its pictures again.
`;

const BACKWARD = `
## The way back

Mistakes in gradients, which are held against those of the original ([golden/train](../../golden/train)), from the loss to the pixels. They go in by the kernels of
*operations*, or by *activations* on the way there; [backward.test.ts](backward.test.ts) asserts that the first gradient that is off is the one below, and that
the operation that made it is named. The loss itself is right in all but the first: training would go on, and learn something else, or more slowly.

| fault | what is wrong | enters at, by |
| --- | --- | --- |
`;

const STEP = `
## The step

Mistakes in AdamW, given the original's gradients: [optimiser.test.ts](optimiser.test.ts) asserts which weights, or which moments of them, are the first to be off.

| fault | what is wrong | found in |
| --- | --- | --- |
`;

const COMPACT = `
## Weights in 4 bits, and adapters

Mistakes in reading what GPTQ packed and what LoRA adds, on the goldens of [tiny-int4](../../golden/tiny-int4) and [tiny-lora](../../golden/tiny-lora), by way of the weights as they are read;
[compact.test.ts](compact.test.ts) asserts the first activation that is off.

| fault | what is wrong | enters at |
| --- | --- | --- |
`;

/** The museum's page, made of its catalogue. */
export const readme = (): string => {
  const rooms = ROOMS.map(([title, faults]) => `\n## ${title}\n${faults.map(exhibit).join('')}`).join('');
  const steps = OPTIMISER_FAULTS.map(({ name, says, found }) => `| ${name} | ${says} | ${found} |\n`).join('');
  const compact = COMPACT_FAULTS.map(
    ({ name, says, enters, golden }) => `| ${name} | ${says} | \`${enters}\` (${golden}) |\n`,
  ).join('');
  return `${INTRODUCTION}${rooms}${BACKWARD}${BACKWARD_FAULTS.map(row).join('')}${STEP}${steps}${COMPACT}${compact}`;
};

const row = ({ name, says, enters, by, golden }: BackwardFault): string =>
  `| ${name} | ${says} | \`${enters}\`, ${by}${golden ? ` (${golden})` : ''} |\n`;

const exhibit = (fault: Fault): string => `
### ${fault.name}
${fault.says} Enters at \`${fault.enters}\`${fault.golden ? ` (${fault.golden})` : ''}${fault.answers ? ', only in an answer' : ''}, by way of the ${wayIn(fault)}.

![${fault.name}](${pictureOf(fault)})
`;

/** Where a fault's picture is, from this folder on. */
export const pictureOf = ({ name }: Fault): string => `pictures/${name}.svg`;
