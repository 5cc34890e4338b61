import { append } from '../../kernels/append.ts';
import { columns } from '../../kernels/columns.ts';
import { gatherRows } from '../../kernels/gather-rows.ts';
import { patches } from '../../kernels/patches.ts';
import { splice } from '../../kernels/splice.ts';
import { zeros } from '../../kernels/zeros.ts';
import { between, type Case, draw, exactly, given, size, small } from './case.ts';

const embeddingCase: Case = {
  op: 'gatherRows',
  sizes: { V: size, D: size, T: size },
  example({ V, D, T, seed }) {
    const { floats, integers } = draw(seed);
    const [table, ids] = [floats([V, D]), integers([T], 0, V - 1)];
    ids.data[T - 1] = V - 1;
    return {
      inputs: { table, ids },
      run: ({ table, ids }) => gatherRows(table, ids),
      shape: [T, D],
      element: (row, column) => exactly(table.at(ids.at(0, row), column)),
    };
  },
};

const spliceCase: Case = {
  op: 'splice',
  sizes: { T: size, D: size, R: small },
  example({ T, D, R, seed }) {
    const { floats, integers } = draw(seed);
    const [x, rows, source] = [floats([T, D]), floats([R, D]), integers([T], -1, R - 1)];
    return {
      inputs: { x, rows, source },
      run: ({ x, rows, source }) => splice(x, rows, source),
      shape: [T, D],
      element(row, column) {
        const from = source.at(0, row);
        return exactly(from < 0 ? x.at(row, column) : rows.at(from, column));
      },
    };
  },
};

const zerosCase: Case = {
  op: 'zeros',
  sizes: { N: size, D: size },
  example: ({ N, D }) => ({
    inputs: {},
    run: (_, device) => zeros(device, [N, D]),
    shape: [N, D],
    element: () => exactly(0),
  }),
};

/** Up to three sequences, each with room before and after its new rows. */
const appendCase: Case = {
  op: 'append',
  sizes: { G: between(1, 3), N: small, room: between(0, 40), D: size },
  example({ G, N, room, D, seed }) {
    const { floats, integer } = draw(seed);
    const segments: [into: number, from: number, count: number][] = [];
    let [M, from] = [0, 0];
    for (let g = 0; g < G; g++) {
      const [before, count] = [integer(0, room), integer(1, N)];
      segments.push([M + before, from, count]);
      M += before + count + integer(0, room);
      from += count;
    }
    const [cache, rows] = [floats([M, D]), floats([from, D])];
    return {
      inputs: { cache, rows, segments: given([G, 3], Int32Array.from(segments.flat())) },
      run: ({ cache, rows, segments }) => append(cache, rows, segments),
      shape: [M, D],
      element(row, column) {
        const segment = segments.find(([into, , count]) => row >= into && row < into + count);
        return exactly(segment ? rows.at(segment[1] + row - segment[0], column) : cache.at(row, column));
      },
    };
  },
};

const columnsCase: Case = {
  op: 'columns',
  sizes: { N: small, start: between(0, 40), width: between(1, 40), gap: between(0, 40), groups: between(1, 4) },
  attributes: () => [{ start: 1, width: 2, stride: 3, groups: 2 }],
  example({ N, start, width, gap, groups, seed }) {
    const source = draw(seed);
    const stride = width + gap;
    const x = source.floats([N, start + groups * stride - gap + source.integer(0, 9)]);
    return {
      inputs: { x },
      run: ({ x }) => columns(x, { start, width, stride, groups }),
      shape: [N, groups * width],
      element: (row, column) => exactly(x.at(row, start + Math.trunc(column / width) * stride + (column % width))),
    };
  },
};

const patchesCase: Case = {
  op: 'patches',
  sizes: { B: between(1, 3), grid: between(1, 7), patch: between(1, 7) },
  example({ B, grid, patch, seed }) {
    const side = grid * patch;
    const pixels = draw(seed).floats([B * 3 * side, side]);
    // Every pixel is carried to where it belongs, where the kernel asks of every place where its pixel comes from.
    const cut = given([B * grid * grid, 3 * patch * patch], new Float32Array(pixels.data.length));
    for (let image = 0; image < B; image++) {
      for (let channel = 0; channel < 3; channel++) {
        for (let y = 0; y < side; y++) {
          for (let x = 0; x < side; x++) {
            const cell = Math.trunc(y / patch) * grid + Math.trunc(x / patch);
            const place = (channel * patch + (y % patch)) * patch + (x % patch);
            cut.data[(image * grid * grid + cell) * 3 * patch * patch + place] = pixels.at(
              (image * 3 + channel) * side + y,
              x,
            );
          }
        }
      }
    }
    return {
      inputs: { pixels },
      run: ({ pixels }) => patches(pixels, grid, patch),
      shape: [B * grid * grid, 3 * patch * patch],
      element: (row, column) => exactly(cut.at(row, column)),
    };
  },
};

export const moveCases = [embeddingCase, spliceCase, zerosCase, appendCase, columnsCase, patchesCase] as const;
