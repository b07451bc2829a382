import { setTimeout } from "node:timers/promises";
import { berthV1 } from "../../ground/protocol/index.ts";
import type { Image, PullProgress } from "../../services/images/index.ts";

const intervalMs = 100;

const layerStates = {
  downloading: berthV1.LayerState.LAYER_STATE_DOWNLOADING,
  exists: berthV1.LayerState.LAYER_STATE_EXISTS,
  done: berthV1.LayerState.LAYER_STATE_DONE,
} as const;

/**
 * A pull's progress as messages to its client. Of each layer only the newest figure waits to be taken, so that neither a fast
 * download nor a slow client makes a queue grow.
 */
export class ProgressMessages {
  /** By layer, and "" for what the pull consists of, in the order in which they were first reported. */
  readonly #pending = new Map<string, berthV1.PullImageResponse>();
  #news = Promise.withResolvers<void>();

  report(progress: PullProgress): void {
    this.#pending.set(progress.kind === "layer" ? progress.digest : "", toMessage(progress));
    this.#news.resolve();
  }

  /** What is reported until the pull ends, a tenth of a second apart, and then its result; what the pull throws. */
  async *until(pull: Promise<Image>): AsyncGenerator<berthV1.PullImageResponse> {
    const ended = new AbortController();
    const end = pull.then(
      () => ended.abort(),
      () => ended.abort(),
    );
    try {
      while (true) {
        await Promise.race([this.#news.promise, end]);
        if (ended.signal.aborted) break;
        yield* this.#take();
        await setTimeout(intervalMs, undefined, { signal: ended.signal }).catch(() => undefined);
      }
      const { id } = await pull;
      yield* this.#take();
      yield berthV1.PullImageResponse.fromPartial({ done: { imageRef: id } });
    } finally {
      // Whoever takes no more of these waits all the same until the pull has cleaned up.
      await end;
    }
  }

  #take(): readonly berthV1.PullImageResponse[] {
    const messages = [...this.#pending.values()];
    this.#pending.clear();
    this.#news = Promise.withResolvers();
    return messages;
  }
}

function toMessage(progress: PullProgress): berthV1.PullImageResponse {
  if (progress.kind === "resolved") {
    const layers = progress.layers.map(({ digest, size }) => ({ digest, size: BigInt(size) }));
    return berthV1.PullImageResponse.fromPartial({ resolved: { layers } });
  }
  const { digest, state, receivedBytes, totalBytes } = progress;
  const layer = {
    digest,
    state: layerStates[state],
    receivedBytes: BigInt(receivedBytes),
    totalBytes: BigInt(totalBytes),
  };
  return berthV1.PullImageResponse.fromPartial({ layer });
}
