import type { SentError } from "../threads/index.ts";
import type { CollectionName, Durability } from "./database.ts";

/** What the thread that owns the SQLite file is told when it starts. */
export type WorkerStart = { readonly path: string };

/** Requests come one at a time: the next is sent when the last is answered. */
export type WorkerRequest =
  | { readonly kind: "commit"; readonly batches: readonly Batch[]; readonly durability: Durability }
  | { readonly kind: "close" };

/** What one caller wants applied atomically; nothing, to see whether the file can be written. */
export type Batch = readonly EncodedChange[];

/** A change with its value encoded; `undefined` deletes. */
export type EncodedChange = {
  readonly collection: CollectionName;
  readonly namespace: string;
  readonly key: string;
  readonly value: string | undefined;
};

/**
 * At first all `records`, then `opened`, or `refused`, and perhaps `withoutRoom`; then one reply for each
 * request.
 */
export type WorkerReply =
  | { readonly kind: "records"; readonly collection: CollectionName; readonly rows: readonly Row[] }
  | { readonly kind: "opened"; readonly migratedFrom: number | undefined }
  | { readonly kind: "refused"; readonly error: SentError }
  /** Why no room is kept for commits on a full disk. */
  | { readonly kind: "withoutRoom"; readonly reason: string }
  /** For each batch the reason why it was not applied, or undefined: it is as durable as was asked. */
  | { readonly kind: "committed"; readonly outcomes: readonly (SentError | undefined)[] };

/** A record with its value encoded. */
export type Row = readonly [namespace: string, key: string, value: string];
