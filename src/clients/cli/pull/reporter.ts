import type { Io } from "../invocation.ts";
import { LayerBars } from "./layer-bars.ts";
import { LayerLines } from "./layer-lines.ts";
import type { TransferReporter } from "./transfer-reporter.ts";

/**
 * Progress bars on a terminal, plain lines elsewhere, nothing if quiet; on stderr, so that stdout has only
 * the result.
 */
export function createReporter({ stderr }: Io, { quiet = false, noun = "layer" } = {}): TransferReporter {
  if (quiet) return silentReporter;
  return stderr.isTTY === true ? new LayerBars(stderr, noun) : new LayerLines(stderr, noun);
}

const silentReporter: TransferReporter = {
  resolved() {},
  progress() {},
  [Symbol.dispose]() {},
};
