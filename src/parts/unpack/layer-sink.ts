import type { EntrySink } from "../tar/index.ts";

/** Takes a layer. */
export interface LayerSink extends EntrySink, Disposable {
  /**
   * The archive's bytes, before the entries in them, including those after its end; for a sink that stores
   * them.
   */
  received?(bytes: Uint8Array): void;
  /**
   * Must be called when everything has arrived. Returns `undescribedDirectories` of {@link "./unpack.ts"}.
   */
  finish(): readonly string[];
}
