import { lstatSync, mkdirSync, realpathSync } from "node:fs";
import { dirname, isAbsolute, join } from "node:path";

/** Late enough that a start is over, with what comes to be compiled just after it. */
const flushDelayMs = 2_000;

/** What systemd's `CacheDirectory=berth` names, and the directory of everything that runs as root. */
const systemDirectory = "/var/cache/berth";

/**
 * Where this user's programs keep compiled code: CACHE_DIRECTORY if there is one (systemd.exec(5)), else
 * /var/cache/berth for root, and for others `berth` in the XDG cache directory. Undefined where there is
 * none. root's home is left alone: under sudo it may be another user's.
 */
export function cacheDirectoryOf(environment: NodeJS.ProcessEnv): string | undefined {
  if (environment.CACHE_DIRECTORY) return environment.CACHE_DIRECTORY;
  if (process.geteuid?.() === 0) return systemDirectory;
  const { XDG_CACHE_HOME: cache, HOME: home } = environment;
  if (cache !== undefined && isAbsolute(cache)) return join(cache, "berth");
  return home !== undefined && isAbsolute(home) ? join(home, ".cache", "berth") : undefined;
}

/**
 * Keeps compiled code for the next start, in a directory that is made if it is missing. A directory that
 * others than its user can write to or replace is not used, and neither is one that cannot be made.
 */
export function keepCompiledCode(directory: string | undefined): void {
  if (directory === undefined || !isPrivate(directory)) return;
  // Not imported: that would load all that belongs to Node's module of this name, which takes longer than
  // what it is for.
  const { enableCompileCache, flushCompileCache } = process.getBuiltinModule("node:module");
  enableCompileCache(directory);
  // Node writes it at an orderly exit; a daemon that is killed is the one whose next start is urgent.
  setTimeout(flushCompileCache, flushDelayMs).unref();
}

function isPrivate(directory: string): boolean {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const info = lstatSync(directory);
    if (!info.isDirectory() || info.uid !== process.geteuid?.() || isWritableByOthers(info.mode))
      return false;
    return ancestors(realpathSync(directory)).every(leavesAlone);
  } catch {
    return false;
  }
}

/**
 * Whoever can write to a directory can put another in the place of one within it, unless it is sticky, as
 * /tmp is.
 */
function leavesAlone(directory: string): boolean {
  const { uid, mode } = lstatSync(directory);
  const isOurs = uid === 0 || uid === process.geteuid?.();
  return isOurs && (!isWritableByOthers(mode) || (mode & 0o1000) !== 0);
}

function isWritableByOthers(mode: number): boolean {
  return (mode & 0o022) !== 0;
}

function ancestors(path: string): readonly string[] {
  const parent = dirname(path);
  return parent === path ? [] : [parent, ...ancestors(parent)];
}
