import type { Made } from '../verify/report/report.ts';

/** Put here by the build. */
declare const PROJECT: string;

/** Where, when and with which version something is measured, in a page or its worker. */
export function madeHere(): Made {
  const { userAgent: runtime, platform: system } = navigator;
  return { date: new Date().toISOString(), project: PROJECT, runtime, system };
}
