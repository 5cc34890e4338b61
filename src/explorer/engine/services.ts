/** All of them, loaded when they are first called: a screen's are in files of its own. */
export const services = {
  open: async () => (await import('./open.ts')).open,
  ask: async () => (await import('./ask.ts')).ask,
  look: async () => (await import('./look.ts')).look,
  attention: async () => (await import('./look.ts')).attention,
  encoderAttention: async () => (await import('./look.ts')).encoderAttention,
  occlude: async () => (await import('./occlude.ts')).occlude,
  askWithout: async () => (await import('./occlude.ts')).askWithout,
  breakable: async () => (await import('./broken/break.ts')).breakable,
  breakIt: async () => (await import('./broken/break.ts')).breakIt,
  see: async () => (await import('./see.ts')).see,
  missing: async () => (await import('./missing.ts')).missing,
  verify: async () => (await import('./verify.ts')).verify,
  profile: async () => (await import('./profile.ts')).profileLast,
  stations: async () => (await import('./stations.ts')).stations,
  values: async () => (await import('./values.ts')).values,
  cell: async () => (await import('./cell.ts')).cell,
  golden: async () => (await import('./golden.ts')).golden,
};

type Services = { readonly [Name in keyof typeof services]: Awaited<ReturnType<(typeof services)[Name]>> };
export type ServiceName = keyof Services;
export type ArgumentOf<Name extends ServiceName> = Parameters<Services[Name]>[0];
export type ResultOf<Name extends ServiceName> = Awaited<ReturnType<Services[Name]>>;
export type ReportOf<Name extends ServiceName> = Parameters<Parameters<Services[Name]>[1]['report']>[0];

/** From the page to the engine. */
export type ToEngine =
  | { readonly call: number; readonly service: ServiceName; readonly argument: unknown }
  | { readonly call: number; readonly abort: true };

/** From the engine to the page: first a lock that it holds as long as it lives; of a call reports, then a result or an error. */
export type FromEngine =
  | { readonly lock: string }
  | { readonly call: number; readonly report: unknown }
  | { readonly call: number; readonly result: unknown }
  | { readonly call: number; readonly error: { readonly name: string; readonly message: string } };
