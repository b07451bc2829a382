import { containerd } from "../../ground/protocol/index.ts";
import { type Digest, digestAlgorithm, parseDigest } from "../../parts/oci/index.ts";
import type { HashingWriter, IngestStatus } from "../../services/content/index.ts";
import type { NamespaceStorage } from "../../services/storage/index.ts";
import type { ContainerdCall } from "./call.ts";
import { ContainerdError } from "./errors.ts";
import { addToLease } from "./lease-resources.ts";
import { fromMs, toTimestamp } from "./messages.ts";

type Request = containerd.contentV1.WriteContentRequest;
type Response = containerd.contentV1.WriteContentResponse;

const { WRITE, COMMIT } = containerd.contentV1.WriteAction;

/**
 * Writes a blob message by message and answers each with the progress, as containerd does
 * (plugins/services/content/contentserver). The stream's writer has the ref to itself until the stream ends.
 * Data that is not committed stays, so that a later stream can resume it.
 */
export async function* writeContent(
  requests: AsyncIterable<Request>,
  call: ContainerdCall,
): AsyncGenerator<Response> {
  const storage = await call.namespace();
  await using opened = new AsyncDisposableStack();
  let writing: Writing | undefined;
  for await (const request of requests) {
    writing ??= opened.use(await Writing.open(request, storage, call.leaseId));
    yield await writing.take(request);
    if (request.action === COMMIT) return;
  }
}

/** The writing of one ref during its stream. */
class Writing implements AsyncDisposable {
  readonly #ref: string;
  readonly #writer: HashingWriter;
  readonly #storage: NamespaceStorage;
  readonly #leaseId: string;
  /**
   * The blob's digest and size, as messages have given them so far. Any message may give them, but they must
   * not change.
   */
  #expected: Digest | undefined;
  #total = 0n;
  #startedAtMs: number | undefined;

  private constructor(ref: string, writer: HashingWriter, storage: NamespaceStorage, leaseId: string) {
    this.#ref = ref;
    this.#writer = writer;
    this.#storage = storage;
    this.#leaseId = leaseId;
  }

  /**
   * Opens the ref. Throws InvalidArgument, AlreadyExists (the expected blob exists), Unavailable (another
   * writer has the ref).
   */
  static async open(first: Request, storage: NamespaceStorage, leaseId: string): Promise<Writing> {
    const { ref, total } = first;
    if (ref === "") throw new ContainerdError("InvalidArgument", "first message must have a reference");
    checkTotal(total);
    const digest = first.expected === "" ? undefined : parseDigest(first.expected);
    if (digest !== undefined && (await isHeldAlready(digest, storage, leaseId))) throw exists(digest);
    await addToLease(storage, leaseId, { kind: "ingest", ref });
    const wanted = { digest, sizeBytes: total > 0n ? Number(total) : undefined };
    const writer = await storage.content.hashingWriter(ref, wanted);
    return new Writing(ref, writer, storage, leaseId);
  }

  async take(request: Request): Promise<Response> {
    await this.#noteExpected(request);
    if (request.action === WRITE || request.action === COMMIT) await this.#append(request);
    const { startedAtMs, updatedAtMs } = await this.#times(request);
    const digest = this.#writer.digest();
    const offset = BigInt(this.#writer.offset);
    if (request.action === COMMIT) await this.#commit(request);
    return {
      action: request.action,
      startedAt: toTimestamp(fromMs(startedAtMs)),
      updatedAt: toTimestamp(fromMs(updatedAtMs)),
      offset,
      total: this.#total,
      digest: this.#expected !== undefined && request.action === COMMIT ? this.#expected : digest,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writer[Symbol.asyncDispose]();
  }

  /** Does not stat the file for each write: it has just been written. */
  async #times({ action }: Request): Promise<Pick<IngestStatus, "startedAtMs" | "updatedAtMs">> {
    if (action === WRITE && this.#startedAtMs !== undefined)
      return { startedAtMs: this.#startedAtMs, updatedAtMs: Date.now() };
    const status = await this.#writer.status();
    this.#startedAtMs = status.startedAtMs;
    return status;
  }

  /** Checks and remembers the digest and size that a message gives. Throws InvalidArgument, AlreadyExists. */
  async #noteExpected({ expected, total }: Request): Promise<void> {
    checkTotal(total);
    if (expected !== "") {
      const digest = parseDigest(expected);
      if (this.#expected !== undefined && this.#expected !== digest)
        throw inconsistent("digest", digest, this.#expected);
      this.#expected = digest;
      await this.#refuseExisting(digest);
    }
    if (total > 0n) {
      if (this.#total > 0n && this.#total !== total) throw inconsistent("total", total, this.#total);
      this.#total = total;
    }
  }

  /** Throws AlreadyExists if the blob exists, after discarding what was written of it. */
  async #refuseExisting(digest: Digest): Promise<void> {
    if (!(await isHeldAlready(digest, this.#storage, this.#leaseId))) return;
    await this.#storage.content.abort(this.#ref);
    throw exists(digest);
  }

  /**
   * A WRITE at offset 0 starts over. A COMMIT without an offset, which cannot be told from offset 0, appends.
   */
  async #append({ action, offset, data }: Request): Promise<void> {
    const at = BigInt(this.#writer.offset);
    if (offset !== 0n && offset !== at)
      throw new ContainerdError("OutOfRange", `write @${offset} must occur at current offset ${at}`);
    if (offset === 0n && at > 0n && action === WRITE) await this.#writer.truncate();
    if (data.length === 0) return;
    await this.#writer.write(data);
    freeMemory(data);
  }

  /**
   * If the size or digest does not match, the ingest is kept, as in containerd: its writer may truncate it
   * and write again.
   */
  async #commit({ labels }: Request): Promise<void> {
    const { offset: size } = this.#writer;
    const actual = this.#writer.digest();
    if (this.#total > 0n && BigInt(size) !== this.#total)
      throw new ContainerdError(
        "FailedPrecondition",
        `unexpected commit size ${size}, expected ${this.#total}`,
      );
    const digest = this.#expected ?? actual;
    const verified = digestAlgorithm(digest) === "sha256";
    if (verified && digest !== actual)
      throw new ContainerdError(
        "FailedPrecondition",
        `unexpected commit digest ${actual}, expected ${digest}`,
      );
    await this.#refuseExisting(digest);
    await addToLease(this.#storage, this.#leaseId, { kind: "content", digest });
    await this.#writer.commit({ digest, size, labels, verified });
  }
}

/**
 * Whether the blob exists. If so, it is in the call's lease: the client will not write it, and relies on it.
 */
async function isHeldAlready(digest: Digest, storage: NamespaceStorage, leaseId: string): Promise<boolean> {
  if (!storage.content.has(digest)) return false;
  await addToLease(storage, leaseId, { kind: "content", digest });
  // The lease may have had to wait for a collection, which has removed the blob.
  return storage.content.has(digest);
}

/** Larger than what Node reads from a socket at once, so a message of this size does not share its memory. */
const ownMemoryBytes = 256 * 1024;

/**
 * Frees the memory of a message's bytes, which are no longer used. Leaving it to the garbage collector would
 * take as long, for a large blob, as hashing it.
 */
function freeMemory({ buffer }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength >= ownMemoryBytes) buffer.transfer(0);
}

/** 0 means that the size is not known. */
function checkTotal(total: bigint): void {
  if (total < 0n) throw new ContainerdError("InvalidArgument", `total: ${total} is not a valid blob size`);
}

function exists(digest: Digest): ContainerdError {
  return new ContainerdError("AlreadyExists", `blob with expected digest ${digest} exists`);
}

function inconsistent(what: string, given: unknown, before: unknown): ContainerdError {
  return new ContainerdError("InvalidArgument", `inconsistent ${what} provided: ${given} is not ${before}`);
}
