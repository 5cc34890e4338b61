/**
 * Milliseconds of processor time that `work` takes in this process. What takes too long is told by it and not by the clock: on a busy machine the
 * time on the clock is other programs', too.
 */
export async function processorTime(work: () => unknown): Promise<number> {
  const start = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1000;
}
