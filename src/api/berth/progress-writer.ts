import type { ServerWritableStream } from "@grpc/grpc-js";
import type { PullProgress } from "../../images/index.ts";
import { berthV1 } from "../../protocol/index.ts";

const flushIntervalMs = 100;

const layerStates = {
  downloading: berthV1.LayerState.LAYER_STATE_DOWNLOADING,
  exists: berthV1.LayerState.LAYER_STATE_EXISTS,
  done: berthV1.LayerState.LAYER_STATE_DONE,
} as const;

type LayerProgress = Extract<PullProgress, { kind: "layer" }>;

/**
 * Sends a pull's progress to the client. Of each layer only the newest figure waits to be sent, so that neither a fast
 * download nor a slow client makes a queue grow.
 */
export class ProgressWriter {
  readonly #call: ServerWritableStream<berthV1.PullImageRequest, berthV1.PullImageResponse>;
  readonly #pending = new Map<string, LayerProgress>();
  #timer: NodeJS.Timeout | undefined;

  constructor(call: ServerWritableStream<berthV1.PullImageRequest, berthV1.PullImageResponse>) {
    this.#call = call;
  }

  report(progress: PullProgress): void {
    if (progress.kind === "resolved") {
      const layers = progress.layers.map(({ digest, size }) => ({ digest, size: BigInt(size) }));
      this.#call.write(berthV1.PullImageResponse.fromPartial({ resolved: { layers } }));
      return;
    }
    this.#pending.set(progress.digest, progress);
    this.#timer ??= setTimeout(() => this.#flushIfTaken(), flushIntervalMs);
  }

  /** Sends what waits, and the result. */
  end(imageRef: string): void {
    this.#flush();
    this.#call.write(berthV1.PullImageResponse.fromPartial({ done: { imageRef } }));
    this.#call.end();
  }

  /** Forgets what waits: the pull has failed. */
  abandon(): void {
    clearTimeout(this.#timer);
    this.#pending.clear();
  }

  #flushIfTaken(): void {
    if (this.#call.writableNeedDrain) this.#timer = setTimeout(() => this.#flushIfTaken(), flushIntervalMs);
    else this.#flush();
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const { digest, state, receivedBytes, totalBytes } of this.#pending.values()) {
      const layer = {
        digest,
        state: layerStates[state],
        receivedBytes: BigInt(receivedBytes),
        totalBytes: BigInt(totalBytes),
      };
      this.#call.write(berthV1.PullImageResponse.fromPartial({ layer }));
    }
    this.#pending.clear();
  }
}
