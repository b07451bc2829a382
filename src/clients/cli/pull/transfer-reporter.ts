/** Something that a pull or push transfers: a layer, or a file of an artifact. */
export type Transferred = { readonly digest: string; readonly size: bigint };

export type TransferProgress = {
  readonly digest: string;
  readonly movedBytes: bigint;
  readonly totalBytes: bigint;
  /** `spared`: it need not be transferred. */
  readonly state: "moving" | "done" | "spared";
  /** The word for one that is done or spared: `already here`. */
  readonly word: string;
};

/** Shows the progress of a pull or push. Disposing of it restores the terminal, also after a failure. */
export interface TransferReporter extends Disposable {
  resolved(all: readonly Transferred[]): void;
  progress(progress: TransferProgress): void;
}
