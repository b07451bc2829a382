/**
 * Garbage collection of this thread's heap at a chosen moment: after a start or a burst of work, so that the
 * memory goes back to the machine. This room imports no other.
 */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

let collector: NodeJS.GCFunction | undefined;

/**
 * Collects garbage of this thread's heap now: `young` collects recently created objects, which takes some
 * tenths of a millisecond; `all` takes some ten milliseconds; `shrink` collects all, and also shrinks the
 * space for young objects, which otherwise keeps the size that it grew to while many were created.
 */
export function collectGarbage(what: "young" | "all" | "shrink"): void {
  collector ??= findCollector();
  if (what === "young") void collector({ type: "minor" });
  else if (what === "all") collector();
  else void collector({ type: "major", execution: "sync", flavor: "last-resort" });
}

/**
 * V8 exposes its collector only with this option. It is reset afterwards, because V8 uses cached compiled
 * code only if that was compiled with the same options.
 */
function findCollector(): NodeJS.GCFunction {
  setFlagsFromString("--expose-gc");
  const found: NodeJS.GCFunction = runInNewContext("gc");
  setFlagsFromString("--no-expose-gc");
  return found;
}
