import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { nowNs } from "../../ground/clock/index.ts";
import { isErrno } from "../../ground/fs/index.ts";
import { type Labels, type LabelUpdate, updateLabels } from "../../ground/labels/index.ts";
import type { Logger } from "../../ground/logging/index.ts";
import type { Collection, Database, Durability } from "../../ground/metadata/index.ts";
import { KeyLock } from "../../ground/sync/index.ts";
import { type Digest, digestOf } from "../../parts/oci/index.ts";
import type { EventPublisher } from "../events/index.ts";
import { checkNamespace } from "../namespaces/index.ts";
import { BlobFiles } from "./blob-files.ts";
import { BlobPieces } from "./blob-pieces.ts";
import { ContentError, fileError } from "./content-error.ts";
import { hashFile } from "./hash-file.ts";
import { IngestDirectories } from "./ingest-directories.ts";
import { IngestFile } from "./ingest-file.ts";
import { HashingIngestWriter, IngestWriter } from "./ingest-writer.ts";
import { reconcile } from "./reconcile.ts";
import type {
  BlobPiece,
  Content,
  ContentInfo,
  ContentRecord,
  ContentStore,
  ContentWriter,
  ExpectedBlob,
  HashingWriter,
  IngestStatus,
  WantedBlob,
} from "./store.ts";

/**
 * Opens the content below a root directory, and removes what a crash left: files without a record, records
 * without a file. Once per root in a process.
 */
export async function openContent(options: {
  readonly root: string;
  readonly database: Database;
  readonly events: EventPublisher;
  readonly logger?: Logger;
}): Promise<Content> {
  const { database, events, logger } = options;
  const root = join(options.root, "content");
  const blobs = new BlobFiles(root);
  const records = await database.collection<ContentRecord>("content");
  await blobs.open();
  await reconcile({ blobs, records, database, logger });
  for (const namespace of await namespacesOfIngests(root)) await ingestsOf(root, namespace).clean();
  const shared = { root, database, records, events, blobs, pieces: new BlobPieces(), locks: new KeyLock() };
  return {
    inNamespace: (namespace) => new LocalContentStore(shared, namespace),
    namespaces: () => records.namespaces(),
  };
}

/**
 * Shared by the namespaces. Locks are taken on `ingest <namespace> <ref>` before those on `blob <digest>`.
 */
type Shared = {
  readonly root: string;
  readonly database: Database;
  readonly records: Collection<ContentRecord>;
  readonly events: EventPublisher;
  readonly blobs: BlobFiles;
  readonly pieces: BlobPieces;
  readonly locks: KeyLock;
};

function ingestsOf(root: string, namespace: string): IngestDirectories {
  return new IngestDirectories(join(root, "ingest", namespace));
}

/** A namespace may have ingests but no blob yet. */
async function namespacesOfIngests(root: string): Promise<readonly string[]> {
  try {
    return await readdir(join(root, "ingest"));
  } catch (error) {
    if (isErrno(error, "ENOENT")) return [];
    throw fileError(`listing ingests in ${root}`, error);
  }
}

class LocalContentStore implements ContentStore {
  readonly #shared: Shared;
  readonly #namespace: string;
  readonly #ingests: IngestDirectories;

  constructor(shared: Shared, namespace: string) {
    checkNamespace(namespace);
    this.#shared = shared;
    this.#namespace = namespace;
    this.#ingests = ingestsOf(shared.root, namespace);
  }

  has(digest: Digest): boolean {
    return this.#find(digest) !== undefined;
  }

  info(digest: Digest): ContentInfo {
    return { digest, ...this.#record(digest) };
  }

  list(): readonly ContentInfo[] {
    const records = this.#shared.records.list(this.#namespace);
    return records.map(([digest, record]) => ({ digest: digest as Digest, ...record }));
  }

  watch(listener: () => void): Disposable {
    return this.#shared.records.watch((namespace) => {
      if (namespace === this.#namespace) listener();
    });
  }

  path(digest: Digest): string {
    this.#record(digest);
    return this.#shared.blobs.path(digest);
  }

  async read(digest: Digest, maxBytes: number): Promise<Uint8Array> {
    const { sizeBytes } = this.#record(digest);
    if (sizeBytes > maxBytes) {
      throw new ContentError(
        "ResourceExhausted",
        `blob ${digest} has ${sizeBytes} bytes, more than the allowed ${maxBytes}`,
      );
    }
    const bytes = await this.#shared.blobs.read(digest);
    const actual = digestOf(bytes, digest);
    if (actual !== digest) {
      throw new ContentError(
        "DataLoss",
        `blob ${digest} is damaged on disk: its bytes have digest ${actual}; remove the image and pull it again`,
      );
    }
    return bytes;
  }

  pieces(digest: Digest, from: number, end: number, signal: AbortSignal): AsyncIterable<BlobPiece> {
    const { sizeBytes } = this.#record(digest);
    const range = {
      digest,
      path: this.#shared.blobs.path(digest),
      sizeBytes,
      from,
      end: Math.min(end, sizeBytes),
    };
    return this.#shared.pieces.read(range, signal);
  }

  async setLabels(
    digest: Digest,
    labels: Labels,
    how?: LabelUpdate,
    durability?: Durability,
  ): Promise<ContentInfo> {
    using _lock = await this.#lockBlob(digest);
    const record = this.#record(digest);
    const updated = { ...record, updatedAtNs: nowNs(), labels: updateLabels(record.labels, labels, how) };
    await this.#put(digest, updated, undefined, durability);
    return this.info(digest);
  }

  async delete(digest: Digest): Promise<void> {
    const { database, records, events, blobs } = this.#shared;
    using _lock = await this.#lockBlob(digest);
    this.#record(digest);
    await database.commit([records.delete(this.#namespace, digest)], () =>
      events.publish(this.#namespace, "/content/delete", { digest }),
    );
    if (!this.#hasAnyone(digest)) await blobs.remove(digest);
  }

  async writer(ref: string, signal?: AbortSignal): Promise<ContentWriter> {
    await using undo = new AsyncDisposableStack();
    const lock = undo.use(await this.#shared.locks.acquire(`ingest ${this.#namespace} ${ref}`, signal));
    await this.#ingests.create(ref);
    const path = this.#ingests.dataPath(ref);
    const file = await IngestFile.open(path);
    undo.move();
    return new IngestWriter(path, file, (expected) => this.#commit(ref, expected), lock);
  }

  async hashingWriter(ref: string, wanted: WantedBlob): Promise<HashingWriter> {
    await using undo = new AsyncDisposableStack();
    const lock = this.#shared.locks.tryAcquire(`ingest ${this.#namespace} ${ref}`);
    if (lock === undefined)
      throw new ContentError(
        "Unavailable",
        `ref ${JSON.stringify(ref)} is locked: another writer has it open`,
      );
    undo.use(lock);
    await this.#ingests.create(ref, wanted);
    const path = this.#ingests.dataPath(ref);
    const file = await IngestFile.open(path, { hash: true });
    undo.move();
    const commit = (expected: ExpectedBlob) => this.#commit(ref, expected);
    const status = async () => (await this.ingest(ref)) ?? aborted(ref);
    return new HashingIngestWriter(path, file, commit, lock, status);
  }

  async put(bytes: Uint8Array, expected: Omit<ExpectedBlob, "size" | "verified" | "sync">): Promise<void> {
    const actual = digestOf(bytes, expected.digest);
    if (actual !== expected.digest) {
      throw new ContentError(
        "DataLoss",
        `blob ${expected.digest} is corrupt: its bytes have digest ${actual}`,
      );
    }
    const { digest, labels = {}, durability } = expected;
    if (this.has(digest)) {
      if (Object.keys(labels).length > 0) await this.setLabels(digest, labels, undefined, durability);
      return;
    }
    await using writer = await this.writer(`put ${digest}`);
    await writer.truncate();
    await writer.write(bytes);
    await writer.commit({ ...expected, size: bytes.length, verified: true });
  }

  async ingests(): Promise<readonly IngestStatus[]> {
    return await this.#ingests.list();
  }

  async ingest(ref: string): Promise<IngestStatus | undefined> {
    return await this.#ingests.find(ref);
  }

  async abort(ref: string): Promise<void> {
    await this.#ingests.remove(ref);
  }

  /**
   * The file is already synced, or is synced with its name. The order is name, record, removal of the ingest:
   * after a crash or failure in between, the ingest can be committed again, and the next start deletes a name
   * without a record.
   */
  async #commit(ref: string, expected: ExpectedBlob): Promise<void> {
    await this.#verify(ref, expected);
    const { digest, size, mediaType = "", labels = {}, sync, durability } = expected;
    using _lock = await this.#lockBlob(digest);
    if (!this.#hasAnyone(digest)) await this.#shared.blobs.adopt(this.#ingests.dataPath(ref), digest, sync);
    else await sync?.();
    const known = this.#find(digest);
    const before = known ?? { sizeBytes: size, createdAtNs: nowNs(), labels: {} };
    const made = () => {
      if (known === undefined)
        this.#shared.events.publish(this.#namespace, "/content/create", {
          digest,
          sizeBytes: size,
          mediaType,
        });
    };
    await this.#put(digest, { ...before, labels: updateLabels(before.labels, labels) }, made, durability);
    await this.#ingests.remove(ref);
  }

  async #verify(ref: string, { digest, size, verified = false }: ExpectedBlob): Promise<void> {
    const actualSize = await this.#ingestSize(ref);
    const actual =
      verified || actualSize !== size
        ? digest
        : await hashFile(this.#ingests.dataPath(ref), actualSize, digest);
    if (actualSize === size && actual === digest) return;
    await this.#ingests.remove(ref);
    throw new ContentError(
      "DataLoss",
      actualSize === size
        ? `blob ${digest} is corrupt: the received bytes have digest ${actual}`
        : `blob ${digest} should have ${size} bytes, but ${actualSize} came`,
    );
  }

  async #ingestSize(ref: string): Promise<number> {
    try {
      return (await stat(this.#ingests.dataPath(ref))).size;
    } catch (error) {
      if (isErrno(error, "ENOENT")) aborted(ref, error);
      throw fileError(`looking at ingest ${ref}`, error);
    }
  }

  #find(digest: Digest): ContentRecord | undefined {
    return this.#shared.records.get(this.#namespace, digest);
  }

  #record(digest: Digest): ContentRecord {
    const record = this.#find(digest);
    if (record === undefined)
      throw new ContentError("NotFound", `blob ${digest} not found in namespace ${this.#namespace}`);
    return record;
  }

  #hasAnyone(digest: Digest): boolean {
    const { records } = this.#shared;
    return records.namespaces().some((namespace) => records.get(namespace, digest) !== undefined);
  }

  async #put(
    digest: Digest,
    record: ContentRecord,
    committed: (() => void) | undefined,
    durability: Durability | undefined,
  ): Promise<void> {
    const { database, records } = this.#shared;
    await database.commit([records.put(this.#namespace, digest, record)], committed, durability);
  }

  #lockBlob(digest: Digest): Promise<Disposable> {
    return this.#shared.locks.acquire(`blob ${digest}`);
  }
}

function aborted(ref: string, cause?: unknown): never {
  throw new ContentError("Aborted", `ingest ${ref} was aborted`, { cause });
}
