/** Takes a layer's uncompressed bytes. */
export interface LayerReceiver extends Disposable {
  take(bytes: Uint8Array): void;
  /** To be called when all is there. Returns `undescribedDirectories` of {@link "./unpack.ts"}. */
  finish(): readonly string[];
}
