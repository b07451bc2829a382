import { lstatSync, mkdirSync, realpathSync } from "node:fs";
import { dirname, isAbsolute, join } from "node:path";

/** Late enough to include code that is compiled right after a start. */
const flushDelayMs = 2_000;

/** The directory of systemd's `CacheDirectory=berth`, used by everything that runs as root. */
const systemDirectory = "/var/cache/berth";

/**
 * Directory for this user's compiled code: CACHE_DIRECTORY if set (systemd.exec(5)), otherwise
 * /var/cache/berth for root, and `berth` in the XDG cache directory for other users. Undefined if there is
 * none. root's home is not used: under sudo it may be another user's.
 */
export function cacheDirectoryOf(environment: NodeJS.ProcessEnv): string | undefined {
  if (environment.CACHE_DIRECTORY) return environment.CACHE_DIRECTORY;
  if (process.geteuid?.() === 0) return systemDirectory;
  const { XDG_CACHE_HOME: cache, HOME: home } = environment;
  if (cache !== undefined && isAbsolute(cache)) return join(cache, "berth");
  return home !== undefined && isAbsolute(home) ? join(home, ".cache", "berth") : undefined;
}

/**
 * Stores compiled code for the next start, in a directory that is created if needed. A directory that other
 * users can write to or replace is not used.
 */
export function keepCompiledCode(directory: string | undefined): void {
  if (directory === undefined || !isPrivate(directory)) return;
  // Not imported: loading all of this Node module would take longer than it saves.
  const { enableCompileCache, flushCompileCache } = process.getBuiltinModule("node:module");
  enableCompileCache(directory);
  // Node writes it at an orderly exit, but the next start is most urgent after a daemon was killed.
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

/** Users who can write to a directory can replace directories in it, unless it is sticky, like /tmp. */
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
