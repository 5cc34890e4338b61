import type { InstalledClock } from './webgpu-clock.ts';

const EXTENSION = 'EXT_disjoint_timer_query_webgl2';
const DRAWS = ['drawArrays', 'drawElements', 'drawArraysInstanced', 'drawElementsInstanced'] as const;
/** How often it is asked whether the GPU is done, and for how long at most. */
const ASK_MILLISECONDS = 1;
const PATIENCE_MILLISECONDS = 10_000;

/** What the extension adds to a context. */
interface Timer {
  readonly TIME_ELAPSED_EXT: number;
  readonly GPU_DISJOINT_EXT: number;
}

/**
 * The GPU's own time of what GPU.js draws with WebGL 2: every draw of the page's contexts is put between the two ends of a timer
 * query. Null where the clock was disturbed meanwhile, as the extension calls disjoint.
 */
export function webglClock(): InstalledClock {
  if (typeof WebGL2RenderingContext === 'undefined') return { unavailable: 'this engine has no WebGL 2' };
  const probe = new OffscreenCanvas(1, 1).getContext('webgl2');
  if (!probe?.getExtension(EXTENSION)) return { unavailable: `the context lacks ${EXTENSION}` };

  const before = Object.fromEntries(DRAWS.map((name) => [name, WebGL2RenderingContext.prototype[name]]));
  let queries: { readonly gl: WebGL2RenderingContext; readonly query: WebGLQuery }[] = [];
  let measuring = false;
  for (const name of DRAWS) {
    const draw = before[name] as (this: WebGL2RenderingContext, ...given: unknown[]) => void;
    const wrapped = function (this: WebGL2RenderingContext, ...given: unknown[]) {
      const timer = measuring ? timerOf(this) : null;
      const query = timer && this.createQuery();
      if (!timer || !query) return draw.apply(this, given);
      this.beginQuery(timer.TIME_ELAPSED_EXT, query);
      draw.apply(this, given);
      this.endQuery(timer.TIME_ELAPSED_EXT);
      queries.push({ gl: this, query });
    };
    Object.assign(WebGL2RenderingContext.prototype, { [name]: wrapped });
  }

  return {
    source: EXTENSION,
    start() {
      queries = [];
      measuring = true;
    },
    async stop() {
      measuring = false;
      let nanoseconds: number | null = queries.length > 0 ? 0 : null;
      for (const { gl, query } of queries) {
        const time = await resultOf(gl, query);
        nanoseconds = nanoseconds === null || time === null ? null : nanoseconds + time;
        gl.deleteQuery(query);
      }
      return { compute: nanoseconds === null || nanoseconds === 0 ? null : nanoseconds / 1e6 };
    },
    restore() {
      Object.assign(WebGL2RenderingContext.prototype, before);
    },
  };
}

const timerOf = (gl: WebGL2RenderingContext): Timer | null => gl.getExtension(EXTENSION) as Timer | null;

/** Nanoseconds of a query, once the GPU is done; null where they are not to be had. */
async function resultOf(gl: WebGL2RenderingContext, query: WebGLQuery): Promise<number | null> {
  const patience = performance.now() + PATIENCE_MILLISECONDS;
  gl.flush();
  while (!gl.getQueryParameter(query, gl.QUERY_RESULT_AVAILABLE)) {
    if (performance.now() > patience) return null;
    await new Promise((resolve) => setTimeout(resolve, ASK_MILLISECONDS));
  }
  const timer = timerOf(gl);
  if (!timer || gl.getParameter(timer.GPU_DISJOINT_EXT)) return null;
  return gl.getQueryParameter(query, gl.QUERY_RESULT) as number;
}
