import type { Io } from "../invocation.ts";
import { LayerBars } from "./layer-bars.ts";
import { LayerLines } from "./layer-lines.ts";
import type { PullReporter } from "./pull-reporter.ts";

/** Bars on a terminal, plain lines elsewhere, nothing when quiet; on stderr, so that stdout has only the result. */
export function createReporter({ stderr }: Io, { quiet = false } = {}): PullReporter {
  if (quiet) return silentReporter;
  return stderr.isTTY === true ? new LayerBars(stderr) : new LayerLines(stderr);
}

const silentReporter: PullReporter = {
  resolved() {},
  progress() {},
  [Symbol.dispose]() {},
};
