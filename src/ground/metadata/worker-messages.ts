import type { SentError } from "../threads/index.ts";
import type { CollectionName, Durability } from "./database.ts";

/** The options of the thread that owns the SQLite file. */
export type WorkerStart = { readonly path: string };

/** Requests are sent one at a time, each after the reply to the one before. */
export type WorkerRequest =
  | { readonly kind: "commit"; readonly batches: readonly Batch[]; readonly durability: Durability }
  | { readonly kind: "close" };

/** Changes of one caller, which are applied atomically; empty, to test whether the file can be written. */
export type Batch = readonly EncodedChange[];

/** A change with its value encoded; `undefined` deletes. */
export type EncodedChange = {
  readonly collection: CollectionName;
  readonly namespace: string;
  readonly key: string;
  readonly value: string | undefined;
};

/**
 * First all `records`, then `opened` or `refused`, and possibly `withoutRoom`; then one reply for each
 * request.
 */
export type WorkerReply =
  | { readonly kind: "records"; readonly collection: CollectionName; readonly rows: readonly Row[] }
  | { readonly kind: "opened"; readonly migratedFrom: number | undefined }
  | { readonly kind: "refused"; readonly error: SentError }
  /** Why no space is reserved for commits on a full disk. */
  | { readonly kind: "withoutRoom"; readonly reason: string }
  /**
   * For each batch the reason why it was not applied, or undefined if it was, with the requested durability.
   */
  | { readonly kind: "committed"; readonly outcomes: readonly (SentError | undefined)[] };

/** A record with its value encoded. */
export type Row = readonly [namespace: string, key: string, value: string];
