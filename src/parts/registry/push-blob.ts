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
 * Chunk sizes that are tried, in order, if a registry or a proxy in front of it rejects a whole blob for its
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
      if (failure.status === 413 && push.useSmallerChunks()) continue;
      if (!failure.transient && !push.hasLostUpload(failure))
        throw summarise(what, new Map([[endpoint.base, failure]]));
      await push.onFailure(failure);
      fruitless = push.furthestBytes > before ? 1 : fruitless + 1;
      if (fruitless >= 2 && isCut(failure) && push.useSmallerChunks()) {
        fruitless = 0;
        continue;
      }
      if (fruitless >= session.retry.tries) throw summarise(what, new Map([[endpoint.base, failure]]));
      await backOff(session.retry, fruitless, failure.retryAfterMs, signal);
    }
  }
}

/**
 * Whether the connection broke. A server that finds a body too large may close the connection while it is
 * being sent, so that its response is lost: two breaks in a row at the same position count as that response.
 */
function isCut({ status, cause }: RegistryError): boolean {
  return status === undefined && ["EPIPE", "ECONNRESET", "UND_ERR_SOCKET"].includes(errorCode(cause));
}

/** The push of one blob, over any number of attempts. */
class BlobPush {
  /** The largest number of bytes that the registry has ever confirmed. */
  furthestBytes = 0;
  readonly #requests: UploadRequests;
  readonly #descriptor: Descriptor;
  readonly #source: BlobSource;
  #upload: Upload | undefined;
  /** Whether it is unknown, after a failure, how much the registry has. */
  #isUnsure = false;
  /** Size of chunks; undefined while the blob is sent in one piece. */
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
      // Also checked after a failure: perhaps only the response to the last request was lost.
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
   * Handles a failed attempt: asks the registry how much it has, at once if the connection broke, and with
   * the next attempt if the registry asked to wait.
   */
  async onFailure({ status }: RegistryError): Promise<void> {
    this.#isUnsure = true;
    if (status === undefined || status === 416) await this.#findOut();
  }

  /**
   * Whether the registry has forgotten the upload (BLOB_UPLOAD_UNKNOWN), for example after a restart; then
   * the blob is sent from the start.
   */
  hasLostUpload({ status }: RegistryError): boolean {
    if (this.#upload === undefined || (status !== 404 && status !== 410)) return false;
    this.#upload = undefined;
    return true;
  }

  /** Switches to the next smaller chunk size; false if there is none. */
  useSmallerChunks(): boolean {
    const now = this.#chunkBytes ?? this.#descriptor.size;
    const next = chunkSizes.find((size) => size < now);
    if (next === undefined || next < (this.#upload?.minChunkBytes ?? 0)) return false;
    this.#chunkBytes = next;
    // The rejected request may have ended the upload.
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
    // The rest of a resumed upload is sent as a chunk, too: not all registries accept data with the request
    // that ends an upload.
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
 * Reads a part of the file synchronously, into two buffers that are reused: this thread has little else to do
 * meanwhile, and new buffers and Node's streams would cost as much CPU time as the sending. A piece is
 * requested only after the one before it was written, so two buffers are enough.
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
