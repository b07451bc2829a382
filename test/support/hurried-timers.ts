/**
 * For a daemon that a test starts with `hurriedTimers(ms)` as its environment: waits of that length with
 * Node's promised timers take only a moment. For times that are normally minutes.
 */
import { syncBuiltinESMExports } from "node:module";
import timers from "node:timers/promises";

const momentMs = 500;
const hurriedMs = Number(process.env.BERTH_HURRIED_MS);

export function hurriedTimers(ms: number): Readonly<Record<string, string>> {
  return { BERTH_HURRIED_MS: `${ms}`, NODE_OPTIONS: `--import=${import.meta.url}` };
}

if (hurriedMs > 0) {
  const wait = timers.setTimeout;
  timers.setTimeout = (ms, ...rest) => wait(ms === hurriedMs ? momentMs : ms, ...rest);
  syncBuiltinESMExports();
}
