import type { Labels, LabelUpdate } from "../../ground/labels/index.ts";
import type { Durability } from "../../ground/metadata/index.ts";
import type { Digest } from "../../parts/oci/index.ts";

/**
 * The content of all containerd namespaces. The file of a blob is kept once, however many namespaces have it;
 * one namespace has it once its bytes were written there, so that knowing a digest gives nobody the bytes
 * (containerd's policy `isolated`).
 */
export interface Content {
  /** As one namespace sees it: its own records and ingests. Throws NamespaceError InvalidArgument. */
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
  /** Throws NotFound. The file goes after the record. */
  delete(digest: Digest): Promise<void>;
}

/** Reading. */
export interface ContentProvider {
  has(digest: Digest): boolean;
  /** Where the blob's bytes lie, for a reader that wants a path. Throws NotFound. */
  path(digest: Digest): string;
  /**
   * The whole blob, verified once more, refused above `maxBytes` (code ResourceExhausted). For manifests and
   * configs. Throws NotFound, DataLoss.
   */
  read(digest: Digest, maxBytes: number): Promise<Uint8Array>;
  /**
   * Part of a blob, in pieces of 1 MiB at most, as far as the blob goes; not verified. The bytes of a piece
   * are its taker's until the next one is asked for: then the memory is used again. Throws NotFound,
   * DataLoss where its file is shorter, and the signal's reason.
   */
  pieces(digest: Digest, from: number, end: number, signal: AbortSignal): AsyncIterable<BlobPiece>;
}

/** A part of a blob, and where it begins there. */
export type BlobPiece = { readonly offset: number; readonly bytes: Buffer };

/** Writing. */
export interface ContentIngester {
  /**
   * Opens or resumes the ingest `ref`. One writer a ref at a time: a second waits for the first (or
   * `signal`).
   */
  writer(ref: string, signal?: AbortSignal): Promise<ContentWriter>;
  /**
   * The same for a client that says what it will write ({@link IngestStatus}) and wants to know the digest as
   * it goes ({@link HashingWriter.digest}). Throws ContentError Unavailable when another writer has the ref.
   */
  hashingWriter(ref: string, wanted: WantedBlob): Promise<HashingWriter>;
  /** Writes a small blob in one go; if it is there only the labels are set. Throws DataLoss. */
  put(bytes: Uint8Array, expected: Pick<ExpectedBlob, "digest" | "labels" | "durability">): Promise<void>;
  ingests(): Promise<readonly IngestStatus[]>;
  /** Undefined when there is none of that ref. */
  ingest(ref: string): Promise<IngestStatus | undefined>;
  /**
   * Forgets a ref and its bytes; no error when it is not there. The commit of a writer that has it open
   * throws Aborted then.
   */
  abort(ref: string): Promise<void>;
}

/**
 * An open ingest. Disposing it keeps the bytes for the next try; {@link ContentIngester.abort} drops them.
 */
export interface ContentWriter extends AsyncDisposable {
  /** The ingest's data file, for a worker thread that appends to it itself. */
  readonly path: string;
  /** Bytes already there when it was opened, and those written through this writer. */
  readonly offset: number;
  write(chunk: Uint8Array): Promise<void>;
  /** Throws away what is there (a registry that cannot resume). */
  truncate(): Promise<void>;
  /**
   * Verifies, makes durable, names and records; the writer is closed then. Throws ContentError DataLoss when
   * size or digest is wrong (the ingest is dropped then), and why the bytes cannot be made durable (it is
   * empty then). A blob that exists already is no error; the labels are added to its own.
   */
  commit(expected: ExpectedBlob): Promise<void>;
}

/** A writer that hashes what it writes. */
export interface HashingWriter extends ContentWriter {
  /** By sha256, of all bytes so far. */
  digest(): Digest;
  status(): Promise<IngestStatus>;
}

/** What a client expects of a blob before all of it is there; undefined where it does not know. */
export type WantedBlob = { readonly digest: Digest | undefined; readonly sizeBytes: number | undefined };

/** What a blob must turn out to be. */
export type ExpectedBlob = {
  readonly digest: Digest;
  readonly size: number;
  readonly labels?: Labels;
  /** A worker thread has hashed the bytes already: only the size is looked at. */
  readonly verified?: boolean;
  /**
   * Makes the whole file system that the store lies on durable, once the blob has its name, in place of syncs
   * of this blob: for who writes other things to it as well, and waits for the disk once for all of them.
   */
  readonly sync?: () => Promise<void>;
  /** Of the record and its labels; the bytes are on the disk before. `atOnce` unless given. */
  readonly durability?: Durability;
};

/** What is known of a blob. Times are nanoseconds since the epoch. */
export type ContentInfo = {
  readonly digest: Digest;
  readonly sizeBytes: number;
  readonly createdAtNs: bigint;
  /** When its labels were last changed; undefined when they never were. */
  readonly updatedAtNs?: bigint;
  readonly labels: Labels;
};

/** What is kept of a blob in metadata; its digest is the key. */
export type ContentRecord = Omit<ContentInfo, "digest">;

export type IngestStatus = {
  readonly ref: string;
  readonly offsetBytes: number;
  /** As its last {@link ContentIngester.hashingWriter} was told. */
  readonly wanted: WantedBlob;
  readonly startedAtMs: number;
  readonly updatedAtMs: number;
};
