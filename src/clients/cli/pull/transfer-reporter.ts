/** Something that a pull or push brings from one place to another: a layer, or a file of an artifact. */
export type Transferred = { readonly digest: string; readonly size: bigint };

export type TransferProgress = {
  readonly digest: string;
  readonly movedBytes: bigint;
  readonly totalBytes: bigint;
  /** `spared`: it need not be moved. */
  readonly state: "moving" | "done" | "spared";
  /** What is said of one that is done or spared: `already here`. */
  readonly word: string;
};

/** Shows how far a pull or push is. Disposing it leaves the terminal in order, also after a failure. */
export interface TransferReporter extends Disposable {
  resolved(all: readonly Transferred[]): void;
  progress(progress: TransferProgress): void;
}
