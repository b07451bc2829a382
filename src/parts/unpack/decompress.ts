import { once } from "node:events";
import { createGunzip, createZstdDecompress, type Gunzip, type ZstdDecompress } from "node:zlib";
import { isErrno } from "../../ground/fs/index.ts";
import { GzipError, GzipInflater } from "../../ground/igzip/index.ts";
import type { CompressedInput } from "./compressed-input.ts";
import { UnpackError } from "./unpack-error.ts";

/** Buffers of this size make switches between the thread pool and this thread rare. */
const chunkSize = 256 * 1024;
/** Enough for every magic number. */
const magicBytes = 4;

/**
 * Decompresses `input` and passes the bytes to `take`, in pieces that are valid only during the call. The
 * compression is detected from the first bytes, since the media type is often wrong. Concatenated gzip
 * members and zstd frames are one stream; zeros after the end of gzip are padding. If `openInflater` returns
 * none, zlib is used. Throws UnpackError DataLoss for a damaged or truncated stream, and the errors of
 * `take`.
 */
export async function decompress(
  input: CompressedInput,
  take: (piece: Uint8Array) => void,
  openInflater: () => GzipInflater | undefined = GzipInflater.open,
): Promise<void> {
  const head = await firstBytes(input);
  using inflater = isGzip(head) ? openInflater() : undefined;
  const stream = inflater === undefined ? decompressorFor(head) : undefined;
  if (inflater !== undefined) await inflate(inflater, head, input, take);
  else if (stream !== undefined) await passThrough(stream, head, input, take);
  else await forEach(head, input, take);
}

/** Valid until the next bytes are requested. */
async function firstBytes(input: CompressedInput): Promise<Buffer> {
  let head = Buffer.alloc(0);
  while (head.length < magicBytes) {
    const chunk = await input.next();
    if (chunk === undefined) break;
    const enough = head.length === 0 && chunk.length >= magicBytes;
    if (enough) return Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    head = Buffer.concat([head, chunk]);
  }
  return head;
}

function decompressorFor(head: Buffer): Gunzip | ZstdDecompress | undefined {
  if (head.length < magicBytes) return undefined;
  if (isGzip(head)) return createGunzip({ chunkSize });
  const magic = head.readUInt32LE();
  const isSkippable = magic >= 0x184d2a50 && magic <= 0x184d2a5f;
  return magic === 0xfd2fb528 || isSkippable ? createZstdDecompress({ chunkSize }) : undefined;
}

/** Passes on `head`, and everything that follows. */
async function forEach(
  head: Buffer,
  input: CompressedInput,
  take: (chunk: Uint8Array) => void,
): Promise<void> {
  if (head.length > 0) take(head);
  for (let chunk = await input.next(); chunk !== undefined; chunk = await input.next()) take(chunk);
}

function isGzip(head: Buffer): boolean {
  return head.length >= magicBytes && head[0] === 0x1f && head[1] === 0x8b && head[2] === 8;
}

/** Runs on this thread: passing chunks to the thread pool and back costs more than inflating them. */
async function inflate(
  inflater: GzipInflater,
  head: Buffer,
  input: CompressedInput,
  take: (piece: Uint8Array) => void,
): Promise<void> {
  await forEach(head, input, (chunk) => {
    const pieces = inflater.push(chunk);
    for (let next = inflated(pieces); next !== undefined; next = inflated(pieces)) take(next);
  });
  if (!inflater.mayEnd) throw damaged(new GzipError("the gzip stream is cut"));
}

/** The next piece. It does not cover the consumer's errors, which are not the stream's. */
function inflated(pieces: Iterator<Uint8Array, void, void>): Uint8Array | undefined {
  try {
    return pieces.next().value ?? undefined;
  } catch (error) {
    throw error instanceof GzipError ? damaged(error) : error;
  }
}

async function passThrough(
  stream: Gunzip | ZstdDecompress,
  head: Buffer,
  input: CompressedInput,
  take: (piece: Uint8Array) => void,
): Promise<void> {
  const feeding = feed(stream, head, input);
  feeding.catch((error: unknown) =>
    stream.destroy(error instanceof Error ? error : new Error(String(error))),
  );
  try {
    for await (const piece of stream) take(piece);
    await feeding;
  } catch (error) {
    throw isZlibError(error) ? damaged(error) : error;
  } finally {
    stream.destroy();
    // Nobody else may read `input` meanwhile. Its error was thrown above, or comes from being stopped.
    await feeding.catch(() => {});
  }
}

/** Also if a frame needs too much memory: its bytes are not verified yet, and may come from anybody. */
function damaged(cause: unknown): UnpackError {
  if (isErrno(cause, "ZSTD_error_frameParameter_windowTooLarge")) {
    const reason = "its zstd frames need a window of more than 128 MiB, the limit here and of zstd itself";
    return new UnpackError("DataLoss", `${reason}; compress it without --long, or with at most --long=27`);
  }
  return new UnpackError("DataLoss", "the compressed stream is damaged", { cause });
}

/** Writes to `stream` until the input ends, or the stream does: it accepts nothing after its last member. */
async function feed(stream: Gunzip | ZstdDecompress, head: Buffer, input: CompressedInput): Promise<void> {
  const ended = new AbortController();
  for (const event of ["end", "close", "error"]) stream.once(event, () => ended.abort());
  let chunk: Uint8Array | undefined = head;
  for (; chunk !== undefined && !ended.signal.aborted; chunk = await input.next()) {
    // Another thread reads the chunk later, when the bytes that `input` returned are no longer valid.
    if (stream.write(Buffer.from(chunk))) continue;
    await once(stream, "drain", { signal: ended.signal }).catch(() => {
      // Only `ended` can end this wait early; the reader of the stream gets the error.
    });
  }
  if (!ended.signal.aborted) stream.end();
}

function isZlibError(error: unknown): boolean {
  return error instanceof Error && "code" in error && /^(Z_|ZSTD_|ERR_ZLIB)/.test(String(error.code));
}
