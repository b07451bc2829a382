/** Takes a layer's uncompressed bytes. */
export interface LayerReceiver extends Disposable {
  /** Number of entries so far; 0 for a format without entries. */
  readonly entries: number;
  take(bytes: Uint8Array): void;
  /**
   * Must be called when everything has arrived. Returns `undescribedDirectories` of {@link "./unpack.ts"}.
   */
  finish(): readonly string[];
}
