import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

let collector: NodeJS.GCFunction | undefined;

/**
 * Collects garbage of this thread's heap, now: `young` what was made a moment ago, in some tenths of a
 * millisecond; `all` in some ten milliseconds; `shrink` all, and it makes the room for young objects small
 * again, which grows while many are made and else stays.
 */
export function collectGarbage(what: "young" | "all" | "shrink"): void {
  collector ??= findCollector();
  if (what === "young") void collector({ type: "minor" });
  else if (what === "all") collector();
  else void collector({ type: "major", execution: "sync", flavor: "last-resort" });
}

/**
 * V8 shows its own only with this option, which is taken back: it takes compiled code from the disk only
 * where that was compiled with the options that it has.
 */
function findCollector(): NodeJS.GCFunction {
  setFlagsFromString("--expose-gc");
  const found: NodeJS.GCFunction = runInNewContext("gc");
  setFlagsFromString("--no-expose-gc");
  return found;
}
