import type { EntrySink } from "../tar/index.ts";

/** Takes a layer. */
export interface LayerSink extends EntrySink, Disposable {
  /** The archive's bytes, before the entries in them, and those behind its end; of who keeps them. */
  received?(bytes: Uint8Array): void;
  /** To be called when all is there. Returns `undescribedDirectories` of {@link "./unpack.ts"}. */
  finish(): readonly string[];
}
