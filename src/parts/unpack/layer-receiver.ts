import type { EntrySink } from "../tar/index.ts";

/** Takes the uncompressed bytes of a layer in any format. */
export interface LayerReceiver extends Disposable {
  /** Number of entries so far; 0 for a format without entries. */
  readonly entries: number;
  take(bytes: Uint8Array): void;
  /**
   * Must be called when everything has arrived. Returns `undescribedDirectories` of {@link "./unpack.ts"}.
   */
  finish(): readonly string[];
}

/** Takes the entries of a layer that is a tar archive. */
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
