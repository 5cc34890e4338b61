import type { Engine } from './engine.ts';

/** What a service is given beside its argument. */
export interface Context<Report> {
  /** The model. @throws InputError while there is none */
  engine(): Engine;
  /** The side of the pictures that the model sees; undefined while there is none. */
  side(): number | undefined;
  /** Puts another in its place, whose predecessor is closed. */
  replace(engine: Engine): Promise<void>;
  /** Tells the page how far it is. */
  report(news: Report): void;
  /** Aborted when the page does not want the result any more. */
  readonly signal: AbortSignal;
}

/** Something that the page can have done. Arguments, reports and results are what `postMessage` can carry. */
export type Service<Argument, Report, Result> = (argument: Argument, context: Context<Report>) => Promise<Result>;
