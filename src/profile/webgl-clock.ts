import { type Activity, type InstalledClock, type Timed, timesOf } from './device-times.ts';

const EXTENSION = 'EXT_disjoint_timer_query_webgl2';

/** How often it is asked whether the GPU is done, and for how long at most. */
const ASK_MILLISECONDS = 1;
const PATIENCE_MILLISECONDS = 10_000;

/** What the extension adds to a context. */
interface Timer {
  readonly TIME_ELAPSED_EXT: number;
  readonly GPU_DISJOINT_EXT: number;
}

/** A call that was made; without a query it could not be timed. */
interface Call {
  readonly gl: WebGL2RenderingContext;
  readonly activity: Activity;
  readonly query: WebGLQuery | null;
}

type Method = (this: WebGL2RenderingContext, ...given: unknown[]) => unknown;

/** What a call makes the GPU do, by what it is given. */
type Meaning = (given: readonly unknown[]) => Activity | undefined;

const draws: Meaning = () => 'compute';
/** Without data a texture is only made. */
const fills: Meaning = (given) => (given.some((each) => typeof each === 'object' && each) ? 'upload' : undefined);
const reads: Meaning = () => 'readBack';

const METHODS: Readonly<Record<string, Meaning>> = {
  drawArrays: draws,
  drawElements: draws,
  drawArraysInstanced: draws,
  drawElementsInstanced: draws,
  texImage2D: fills,
  texSubImage2D: fills,
  readPixels: reads,
};

/**
 * The GPU's own time of what is done with WebGL 2: each draw, upload and read of the page's contexts is put between the two ends
 * of a timer query. Null where the clock was disturbed meanwhile, which the extension calls disjoint.
 */
export function webglClock(): InstalledClock {
  if (typeof WebGL2RenderingContext === 'undefined') return { unavailable: 'this engine has no WebGL 2' };
  const probe = new OffscreenCanvas(1, 1).getContext('webgl2');
  if (!probe) return { unavailable: 'WebGL 2 has no context here' };
  const found = timerOf(probe);
  probe.getExtension('WEBGL_lose_context')?.loseContext(); // a page has few contexts
  if (!found) return { unavailable: `the context lacks ${EXTENSION}` };

  const methods = WebGL2RenderingContext.prototype as unknown as Record<string, Method>; // seen by name
  const before = Object.fromEntries(Object.keys(METHODS).map((name) => [name, methods[name]]));
  const contexts = new Set<WebGL2RenderingContext>();
  let calls: Call[] = [];
  let measuring = false;

  function timerIn(gl: WebGL2RenderingContext): Timer | null {
    const timer = timerOf(gl);
    if (!contexts.has(gl)) isDisjoint(gl); // what happened before counts for nothing
    contexts.add(gl);
    return timer;
  }

  for (const [name, meaning] of Object.entries(METHODS)) {
    methods[name] = function (...given) {
      const activity = measuring ? meaning(given) : undefined;
      if (!activity) return before[name].apply(this, given);
      const timer = timerIn(this);
      const query = timer && this.createQuery();
      calls.push({ gl: this, activity, query });
      if (!timer || !query) return before[name].apply(this, given);
      this.beginQuery(timer.TIME_ELAPSED_EXT, query);
      try {
        return before[name].apply(this, given);
      } finally {
        this.endQuery(timer.TIME_ELAPSED_EXT);
      }
    };
  }

  return {
    source: EXTENSION,
    start() {
      calls = [];
      for (const gl of contexts) isDisjoint(gl);
      measuring = true;
    },
    async stop() {
      measuring = false;
      const made = calls;
      const timed: Timed[] = [];
      for (const { gl, activity, query } of made) {
        timed.push({ activity, nanoseconds: query && (await resultOf(gl, query)) });
        gl.deleteQuery(query);
      }
      const disturbed = [...contexts].filter(isDisjoint);
      return timesOf(timed.map((each, i) => (disturbed.includes(made[i].gl) ? { ...each, nanoseconds: null } : each)));
    },
    restore() {
      Object.assign(methods, before);
    },
  };
}

const timerOf = (gl: WebGL2RenderingContext): Timer | null => gl.getExtension(EXTENSION) as Timer | null;

/** Whether times since it was last asked are worthless. */
function isDisjoint(gl: WebGL2RenderingContext): boolean {
  const timer = timerOf(gl);
  return timer !== null && gl.getParameter(timer.GPU_DISJOINT_EXT) === true;
}

/** Nanoseconds of a query, once the GPU is done; null where it does not answer. */
async function resultOf(gl: WebGL2RenderingContext, query: WebGLQuery): Promise<number | null> {
  const patience = performance.now() + PATIENCE_MILLISECONDS;
  gl.flush();
  while (!gl.getQueryParameter(query, gl.QUERY_RESULT_AVAILABLE)) {
    if (gl.isContextLost() || performance.now() > patience) return null;
    await new Promise((resolve) => setTimeout(resolve, ASK_MILLISECONDS));
  }
  return gl.getQueryParameter(query, gl.QUERY_RESULT) as number;
}
