import { closeSync, openSync, readSync } from "node:fs";
import { type Descriptor, formatReference, type Reference } from "../oci/index.ts";
import { backOff } from "./backoff.ts";
import { asRegistryError, errorCode, RegistryError, summarise, throwIfAborted } from "./errors.ts";
import type { BlobSource, PushedBlob } from "./registry-writer.ts";
import type { Session } from "./session.ts";
import type { RequestBody } from "./transport.ts";
import { type Upload, UploadRequests } from "./upload-session.ts";

const readChunkBytes = 256 * 1024;
/**
 * What is tried, one after the other, where a registry or a proxy before it refuses a whole blob for its
 * size.
 */
const chunkSizes = [64, 16, 4, 1].map((mebibytes) => mebibytes * 1024 * 1024);

/** See {@link RegistryWriter.pushBlob}. */
export async function pushBlob(
  session: Session,
  reference: Reference,
  descriptor: Descriptor,
  source: BlobSource,
  signal: AbortSignal | undefined,
): Promise<PushedBlob> {
  const what = `pushing ${descriptor.digest} to ${formatReference(reference)}`;
  const [endpoint] = await session.endpoints(reference, "push");
  if (endpoint === undefined) throw summarise(what, new Map());
  const requests = new UploadRequests(session, endpoint, reference, signal);
  const push = new BlobPush(requests, descriptor, source);
  for (let fruitless = 0; ; ) {
    throwIfAborted(signal, what);
    const before = push.furthestBytes;
    try {
      return await push.run();
    } catch (error) {
      throwIfAborted(signal, what);
      const failure = asRegistryError(error, endpoint.host);
      if (failure.status === 413 && push.takeSmallerPieces()) continue;
      if (!failure.transient && !push.hasLostUpload(failure))
        throw summarise(what, new Map([[endpoint.base, failure]]));
      await push.broke(failure);
      fruitless = push.furthestBytes > before ? 1 : fruitless + 1;
      if (fruitless >= 2 && isCut(failure) && push.takeSmallerPieces()) {
        fruitless = 0;
        continue;
      }
      if (fruitless >= session.retry.tries) throw summarise(what, new Map([[endpoint.base, failure]]));
      await backOff(session.retry, fruitless, failure.retryAfterMs, signal);
    }
  }
}

/**
 * A server that finds a body too large may close the connection while it is being sent, and what it answers
 * is lost then: two breaks in a row at the same place count as that answer.
 */
function isCut({ status, cause }: RegistryError): boolean {
  return status === undefined && ["EPIPE", "ECONNRESET", "UND_ERR_SOCKET"].includes(errorCode(cause));
}

/** One blob on its way, over any number of tries. */
class BlobPush {
  /** The most that the registry ever said it had. */
  furthestBytes = 0;
  readonly #requests: UploadRequests;
  readonly #descriptor: Descriptor;
  readonly #source: BlobSource;
  #upload: Upload | undefined;
  /** Something has broken, and how much the registry has is not known. */
  #isUnsure = false;
  /** Undefined while the whole blob goes in one piece. */
  #chunkBytes: number | undefined;

  constructor(requests: UploadRequests, descriptor: Descriptor, source: BlobSource) {
    this.#requests = requests;
    this.#descriptor = descriptor;
    this.#source = source;
  }

  async run(): Promise<PushedBlob> {
    const { path, mountFrom } = this.#source;
    if (this.#isUnsure) await this.#findOut();
    if (this.#upload === undefined) {
      // Also after a failure: the answer to the last request may be all that was lost.
      if ((await this.#requests.exists(this.#descriptor)) === true) return "exists";
      for (const from of mountFrom) {
        const mounted = await this.#requests.mount(this.#descriptor, from);
        if (mounted === "mounted") return "mounted";
        this.#upload = mounted ?? this.#upload;
      }
    }
    if (path === undefined) return "absent";
    this.#upload ??= await this.#requests.start();
    await this.#send(path, this.#upload);
    return "uploaded";
  }

  /**
   * Asks the registry how far it has come: at once when the connection broke, with the next try when it wants
   * to be left alone.
   */
  async broke({ status }: RegistryError): Promise<void> {
    this.#isUnsure = true;
    if (status === undefined || status === 416) await this.#findOut();
  }

  /**
   * A registry that was restarted has forgotten uploads (BLOB_UPLOAD_UNKNOWN): the blob is begun anew. False
   * for any other failure.
   */
  hasLostUpload({ status }: RegistryError): boolean {
    if (this.#upload === undefined || (status !== 404 && status !== 410)) return false;
    this.#upload = undefined;
    return true;
  }

  /** False when there are none that the registry would take. */
  takeSmallerPieces(): boolean {
    const now = this.#chunkBytes ?? this.#descriptor.size;
    const next = chunkSizes.find((size) => size < now);
    if (next === undefined || next < (this.#upload?.minChunkBytes ?? 0)) return false;
    this.#chunkBytes = next;
    // What it refused may have ended the upload.
    this.#upload = undefined;
    return true;
  }

  async #findOut(): Promise<void> {
    this.#isUnsure = false;
    if (this.#upload === undefined) return;
    this.#upload = await this.#requests.resume(this.#upload);
    this.furthestBytes = Math.max(this.furthestBytes, this.#upload?.offset ?? 0);
  }

  async #send(path: string, begun: Upload): Promise<void> {
    const { size } = this.#descriptor;
    let upload = begun;
    // The rest of a broken upload is a piece too: not all registries take one with the request that ends it.
    while (upload.offset < size && (this.#chunkBytes !== undefined || upload.offset > 0)) {
      const end = Math.min(size, upload.offset + (this.#chunkBytes ?? size));
      const next = await this.#requests.append(upload, this.#part(path, upload.offset, end));
      if (next.offset <= upload.offset)
        throw new RegistryError("Unavailable", `${next.location.host}: accepted none of the data`);
      upload = next;
      this.#upload = upload;
      this.furthestBytes = Math.max(this.furthestBytes, upload.offset);
    }
    await this.#requests.finish(upload, this.#descriptor, this.#part(path, upload.offset, size));
  }

  #part(path: string, start: number, end: number): RequestBody {
    const { onBytes } = this.#source;
    return { sizeBytes: end - start, open: () => readPart(path, start, end, onBytes) };
  }
}

/**
 * Read at once, in buffers that are used again: where this runs there is little else to do meanwhile, and new
 * buffers and Node's streams cost as much of the processor as the sending. A piece is asked for when the one
 * before it has been written, so that two buffers are enough.
 */
async function* readPart(
  path: string,
  start: number,
  end: number,
  onBytes: BlobSource["onBytes"],
): AsyncGenerator<Uint8Array> {
  let file: number | undefined;
  try {
    file = openSync(path, "r");
    const buffers = [Buffer.allocUnsafeSlow(readChunkBytes), Buffer.allocUnsafeSlow(readChunkBytes)] as const;
    let [buffer, other] = buffers;
    for (let position = start; position < end; [buffer, other] = [other, buffer]) {
      const count = readSync(file, buffer, 0, Math.min(buffer.length, end - position), position);
      if (count === 0) throw new Error(`it ends after ${position} bytes`);
      position += count;
      yield buffer.subarray(0, count);
      onBytes?.(position);
    }
  } catch (cause) {
    throw new RegistryError("DataLoss", `reading ${path}, of which ${end} bytes are to be sent`, { cause });
  } finally {
    if (file !== undefined) closeSync(file);
  }
}
