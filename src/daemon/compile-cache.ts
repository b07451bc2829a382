import { lstatSync, mkdirSync } from "node:fs";
import { enableCompileCache, flushCompileCache } from "node:module";

/** Late enough that a start is over, with what comes to be compiled just after it. */
const flushDelayMs = 2_000;

/** What systemd's `CacheDirectory=berth` names; CACHE_DIRECTORY says otherwise. */
const usualDirectory = "/var/cache/berth";

/**
 * Keeps compiled code for the next start, which loads in two thirds of the time. Whoever can write there decides what the
 * daemon runs: a directory that others than its user can write to is not used, and neither is one that cannot be made.
 */
export function keepCompiledCode(environment: NodeJS.ProcessEnv): void {
  const directory = environment.CACHE_DIRECTORY || usualDirectory;
  if (!isPrivate(directory)) return;
  enableCompileCache(directory);
  // Node writes it at an orderly exit; a daemon that is killed is the one whose next start is urgent.
  setTimeout(flushCompileCache, flushDelayMs).unref();
}

function isPrivate(directory: string): boolean {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const info = lstatSync(directory);
    return info.isDirectory() && info.uid === process.geteuid?.() && (info.mode & 0o022) === 0;
  } catch {
    return false;
  }
}
