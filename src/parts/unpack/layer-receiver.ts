/** Takes a layer's uncompressed bytes. */
export interface LayerReceiver extends Disposable {
  /** How many have come; 0 of what has none. */
  readonly entries: number;
  take(bytes: Uint8Array): void;
  /** To be called when all is there. Returns `undescribedDirectories` of {@link "./unpack.ts"}. */
  finish(): readonly string[];
}
