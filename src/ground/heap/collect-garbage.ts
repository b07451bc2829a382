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

/** Node shows V8's only where it was started with this option, and then to everybody. */
function findCollector(): NodeJS.GCFunction {
  setFlagsFromString("--expose-gc");
  return runInNewContext("gc");
}
