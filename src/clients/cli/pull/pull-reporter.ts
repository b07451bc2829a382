import type { berthV1 } from "../../../ground/protocol/index.ts";

/** Shows how far a pull is. Disposing it leaves the terminal in order, also when the pull has failed. */
export interface PullReporter extends Disposable {
  resolved(layers: readonly berthV1.Layer[]): void;
  progress(progress: berthV1.LayerProgress): void;
}
