// One process at a time: a folder is the lock, as making one either works or fails, on every system.
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** How often a lock is looked at, and its owner shows that it lives. */
const POLL_MILLISECONDS = 500;
/** An owner that showed nothing for so long is gone: not every system tells of processes, none of those on other machines. */
const STALE_MILLISECONDS = 60_000;

/**
 * Waits until nobody else has the lock, takes it, works, and gives it back. A lock whose owner died is taken over.
 *
 * @template T
 * @param {string} folder the lock itself: it is there while somebody has it
 * @param {() => Promise<T>} work
 * @param {{ waiting?: (owner: string) => void, poll?: number, stale?: number }} [options] `waiting` is told once who has it
 * @returns {Promise<T>}
 */
export async function withLock(folder, work, { waiting, poll = POLL_MILLISECONDS, stale = STALE_MILLISECONDS } = {}) {
  let told = false;
  const seen = { sign: '', since: 0 };
  while (!take(folder)) {
    const owner = ownerOf(folder);
    // By this process's own clock: those of two machines differ.
    const sign = `${owner?.pid} ${lastSign(folder)}`;
    if (sign !== seen.sign) Object.assign(seen, { sign, since: performance.now() });
    if (isDead(owner) || performance.now() - seen.since > stale) remove(folder, owner);
    else if (owner && !told) {
      told = true;
      waiting?.(`process ${owner.pid}`);
    }
    await sleep(poll);
  }
  const give = () => rmSync(folder, { recursive: true, force: true });
  process.on('exit', give);
  const alive = setInterval(() => touch(folder), poll);
  try {
    return await work();
  } finally {
    clearInterval(alive);
    process.off('exit', give);
    give();
  }
}

function take(folder) {
  try {
    mkdirSync(folder);
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  }
  try {
    writeFileSync(join(folder, 'owner.json'), JSON.stringify({ pid: process.pid, host: hostname() }));
    return true;
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}

/** Undefined in the moment between a lock and its owner's name. */
function ownerOf(folder) {
  try {
    return JSON.parse(readFileSync(join(folder, 'owner.json'), 'utf8'));
  } catch {
    return undefined;
  }
}

/** Whether a process of this machine has ended. */
function isDead(owner) {
  if (owner?.host !== hostname()) return false;
  try {
    process.kill(owner.pid, 0);
    return false;
  } catch (error) {
    return error.code === 'ESRCH';
  }
}

const lastSign = (folder) => statSync(folder, { throwIfNoEntry: false })?.mtimeMs;

function touch(folder) {
  const now = new Date();
  try {
    utimesSync(folder, now, now);
  } catch {
    // Taken from us, or a disk that is full: the work goes on.
  }
}

/** Of several that find a lock stale one removes it; a lock that was taken meanwhile is given back. */
function remove(folder, owner) {
  const aside = `${folder}.${randomBytes(6).toString('hex')}`;
  try {
    renameSync(folder, aside);
  } catch {
    return; // another one did
  }
  const taken = ownerOf(aside);
  if (taken?.pid !== owner?.pid || taken?.host !== owner?.host) {
    try {
      return renameSync(aside, folder);
    } catch {
      // A third one has it by now.
    }
  }
  rmSync(aside, { recursive: true, force: true });
}
