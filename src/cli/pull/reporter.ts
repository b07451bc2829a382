import type { berthV1 } from "../../protocol/index.ts";
import type { Io } from "../invocation.ts";
import { LayerBars } from "./layer-bars.ts";
import { LayerLines } from "./layer-lines.ts";

/** Shows how far a pull is. Disposing it leaves the terminal in order, also when the pull has failed. */
export interface PullReporter extends Disposable {
  resolved(layers: readonly berthV1.Layer[]): void;
  progress(progress: berthV1.LayerProgress): void;
}

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
