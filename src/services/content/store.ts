import type { Labels, LabelUpdate } from "../../ground/labels/index.ts";
import type { Durability } from "../../ground/metadata/index.ts";
import type { Digest } from "../../parts/oci/index.ts";

/**
 * The content of all containerd namespaces. A blob's file is stored once, however many namespaces have it; a
 * namespace has it once its bytes were written there, so that knowing a digest is not enough to get the bytes
 * (containerd's policy `isolated`).
 */
export interface Content {
  /** One namespace's view: its own records and ingests. Throws NamespaceError InvalidArgument. */
  inNamespace(namespace: string): ContentStore;
  /** Namespaces that have blobs. */
  namespaces(): readonly string[];
}

/**
 * Blobs by digest. A blob is written through an *ingest*, named by a caller's `ref` (for a layer of a pull,
 * its digest), which survives a restart and is resumed by opening the same ref again;
 * {@link ContentWriter.commit} checks size and digest, makes the bytes durable and only then gives the blob
 * its name. Labels tie blobs together for garbage collection (`containerd.io/gc.ref.content.<x>: <digest>`,
 * `containerd.io/gc.ref.snapshot.<snapshotter>: <key>`, `containerd.io/gc.root`), as in containerd.
 *
 * Blobs lie at `<root>/content/blobs/<algorithm>/<hex>`, ingests at
 * `<root>/content/ingest/<namespace>/<sha256 of ref>/{data,ref}`, so that a worker thread can write an
 * ingest's file itself with {@link IngestFile} and leave the commit to the store.
 */
export interface ContentStore extends ContentProvider, ContentIngester {
  /** Throws ContentError NotFound. */
  info(digest: Digest): ContentInfo;
  list(): readonly ContentInfo[];
  /** Calls `listener` after each change of a blob's record here; see Collection.watch. */
  watch(listener: () => void): Disposable;
  /** Throws NotFound, LabelsError. */
  setLabels(digest: Digest, labels: Labels, how?: LabelUpdate, durability?: Durability): Promise<ContentInfo>;
  /** Throws NotFound. The file is deleted after the record. */
  delete(digest: Digest): Promise<void>;
}

/** Reading. */
export interface ContentProvider {
  has(digest: Digest): boolean;
  /** The path of the blob's file, for readers that need a path. Throws NotFound. */
  path(digest: Digest): string;
  /**
   * The whole blob, verified again; larger than `maxBytes` is ResourceExhausted. For manifests and configs.
   * Throws NotFound, DataLoss.
   */
  read(digest: Digest, maxBytes: number): Promise<Uint8Array>;
  /**
   * Part of a blob, in pieces of at most 1 MiB, up to its end; not verified. The bytes of a piece are valid
   * until the next one is requested: then the memory is reused. Throws NotFound, DataLoss if its file is
   * shorter, and the signal's reason.
   */
  pieces(digest: Digest, from: number, end: number, signal: AbortSignal): AsyncIterable<BlobPiece>;
}

/** A part of a blob, and its offset there. */
export type BlobPiece = { readonly offset: number; readonly bytes: Buffer };

/** Writing. */
export interface ContentIngester {
  /**
   * Opens or resumes the ingest `ref`. One writer per ref: a second one waits for the first (or for
   * `signal`).
   */
  writer(ref: string, signal?: AbortSignal): Promise<ContentWriter>;
  /**
   * The same for a client that says what it will write ({@link IngestStatus}) and wants the digest while it
   * writes ({@link HashingWriter.digest}). Throws ContentError Unavailable if another writer has the ref.
   */
  hashingWriter(ref: string, wanted: WantedBlob): Promise<HashingWriter>;
  /** Writes a small blob in one go; if it exists, only the labels are set. Throws DataLoss. */
  put(bytes: Uint8Array, expected: Omit<ExpectedBlob, "size" | "verified" | "sync">): Promise<void>;
  ingests(): Promise<readonly IngestStatus[]>;
  /** Undefined if there is no such ref. */
  ingest(ref: string): Promise<IngestStatus | undefined>;
  /**
   * Drops a ref and its bytes; not an error if it does not exist. The commit of a writer that has it open
   * then throws Aborted.
   */
  abort(ref: string): Promise<void>;
}

/**
 * An open ingest. Disposing it keeps the bytes for the next attempt; {@link ContentIngester.abort} drops
 * them.
 */
export interface ContentWriter extends AsyncDisposable {
  /** The ingest's data file, for a worker thread that appends to it itself. */
  readonly path: string;
  /** Bytes present when it was opened, plus those written through this writer. */
  readonly offset: number;
  write(chunk: Uint8Array): Promise<void>;
  /** Drops the present bytes (for a registry that cannot resume). */
  truncate(): Promise<void>;
  /**
   * Verifies, makes durable, names and records the blob; then the writer is closed. Throws ContentError
   * DataLoss if size or digest is wrong (the ingest is then dropped), and the reason if the bytes cannot be
   * made durable (it is then empty). An existing blob is not an error; the labels are added to it.
   */
  commit(expected: ExpectedBlob): Promise<void>;
}

/** A writer that hashes what it writes. */
export interface HashingWriter extends ContentWriter {
  /** The sha256 digest of all bytes so far. */
  digest(): Digest;
  status(): Promise<IngestStatus>;
}

/** What a client expects of a blob before it is complete; undefined if it does not know. */
export type WantedBlob = { readonly digest: Digest | undefined; readonly sizeBytes: number | undefined };

/** What a blob must turn out to be. */
export type ExpectedBlob = {
  readonly digest: Digest;
  readonly size: number;
  /** For the event of its creation, if the writer knows it. */
  readonly mediaType?: string;
  readonly labels?: Labels;
  /** A worker thread has already hashed the bytes: only the size is checked. */
  readonly verified?: boolean;
  /**
   * Called once the blob has its name, to make the store's whole file system durable instead of syncing this
   * blob: for callers that write other things there too, and wait for the disk once for all of them.
   */
  readonly sync?: () => Promise<void>;
  /** Of the record and its labels; the bytes are on disk before. `atOnce` unless given. */
  readonly durability?: Durability;
};

/** Information about a blob. Times are nanoseconds since the epoch. */
export type ContentInfo = {
  readonly digest: Digest;
  readonly sizeBytes: number;
  readonly createdAtNs: bigint;
  /** When its labels were last changed; undefined if never. */
  readonly updatedAtNs?: bigint;
  readonly labels: Labels;
};

/** A blob's record in the metadata; its digest is the key. */
export type ContentRecord = Omit<ContentInfo, "digest">;

export type IngestStatus = {
  readonly ref: string;
  readonly offsetBytes: number;
  /** As given to its last {@link ContentIngester.hashingWriter}. */
  readonly wanted: WantedBlob;
  readonly startedAtMs: number;
  readonly updatedAtMs: number;
};
