import { expect, test } from 'vitest';
import { DeviceError } from '../../tensor/error.ts';
import { glResident, whyNoHeadlessGl } from '../../tensor/resident-gl.ts';

const OUT_OF_MEMORY = 0x505;

/** A context of which nothing is asked but how it is. */
function contextOf({ lost = false, error = 0 }): WebGLRenderingContext {
  const context: Partial<WebGLRenderingContext> = {
    NO_ERROR: 0,
    OUT_OF_MEMORY,
    MAX_TEXTURE_SIZE: 0xd33,
    isContextLost: () => lost,
    getError: () => error,
    getParameter: (name: number) => (name === 0xd33 ? 4096 : null),
  };
  return context as WebGLRenderingContext;
}
const resident = (state: Parameters<typeof contextOf>[0]) => glResident('webgl2', () => contextOf(state));

test('a context that works can be trusted, and so can one that is still to come', () => {
  for (const fine of [resident({}), glResident('webgl2', () => null)]) {
    fine.requireAlive();
    fine.requireSound();
  }
});

test('a lost context is known at every kernel', () => {
  expect(() => resident({ lost: true }).requireAlive()).toThrow(new DeviceError('GPU.js webgl2: the context was lost'));
});

test.each([
  [OUT_OF_MEMORY, 'out of memory'],
  [0x502, 'error 0x502'],
])('what a context reports, 0x%x, is known before a result is believed', (error, reason) => {
  const expected = new DeviceError(`GPU.js webgl2: the context reports: ${reason}`);
  expect(() => resident({ error }).requireSound()).toThrow(expected);
});

test('a matrix has sides no longer than a texture, and a row alone is folded', () => {
  const { requireRoom } = resident({});
  for (const [rows, columns] of [
    [4096, 4096],
    [1, 4096 ** 2],
  ])
    requireRoom(rows, columns);
  for (const [rows, columns] of [
    [4097, 1],
    [2, 4097],
    [1, 4096 ** 2 + 1],
  ]) {
    expect(() => requireRoom(rows, columns)).toThrow(DeviceError);
  }
});

test('without a context the package or the X server is named', async () => {
  const absent = () => Promise.reject(new Error("Cannot find package 'gl'\nimported from here"));
  const there = async () => undefined;
  expect(await whyNoHeadlessGl(absent)).toBe("the optional package gl does not load, Cannot find package 'gl'");
  expect(await whyNoHeadlessGl(there, '')).toContain('needs an X server (DISPLAY is not set; xvfb-run starts one)');
  expect(await whyNoHeadlessGl(there, ':7')).toContain('needs an X server (DISPLAY is :7)');
});
