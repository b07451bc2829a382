import { once } from "node:events";
import { createGunzip, createZstdDecompress, type Gunzip, type ZstdDecompress } from "node:zlib";
import { GzipError, GzipInflater } from "../../ground/igzip/index.ts";
import type { CompressedInput } from "./compressed-input.ts";
import { UnpackError } from "./unpack-error.ts";

/** Output buffers this large make the hops between the thread pool and this thread rare. */
const chunkSize = 256 * 1024;
/** Enough to tell every magic number. */
const magicBytes = 4;

/**
 * The bytes of `input`, decompressed, in pieces that are good only until the next is asked for. What they
 * are compressed with is told by their first bytes, not by the media type, which is often wrong. Concatenated
 * gzip members and zstd frames are one stream; zeros after gzip's end are padding. Where `openInflater` has
 * none, zlib inflates. Throws UnpackError DataLoss for a damaged or truncated stream.
 */
export async function* decompress(
  input: CompressedInput,
  openInflater: () => GzipInflater | undefined = GzipInflater.open,
): AsyncGenerator<Uint8Array> {
  const head = await firstBytes(input);
  const inflater = isGzip(head) ? openInflater() : undefined;
  if (inflater !== undefined) {
    yield* inflated(inflater, head, input);
    return;
  }
  const stream = decompressorFor(head);
  if (stream === undefined) {
    yield* plain(head, input);
    return;
  }
  const feeding = feed(stream, head, input);
  feeding.catch((error: unknown) =>
    stream.destroy(error instanceof Error ? error : new Error(String(error))),
  );
  try {
    yield* stream;
    await feeding;
  } catch (error) {
    throw isZlibError(error)
      ? new UnpackError("DataLoss", "the compressed stream is damaged", { cause: error })
      : error;
  } finally {
    stream.destroy();
    await feeding.catch(() => {}); // its error has been thrown above, or is one of being stopped; nobody may read `input` at the same time
  }
}

async function firstBytes(input: CompressedInput): Promise<Buffer> {
  let head = Buffer.alloc(0);
  while (head.length < magicBytes) {
    const chunk = await input.next();
    if (chunk === undefined) break;
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

async function* plain(head: Buffer, input: CompressedInput): AsyncGenerator<Uint8Array> {
  if (head.length > 0) yield head;
  for (let chunk = await input.next(); chunk !== undefined; chunk = await input.next()) yield chunk;
}

function isGzip(head: Buffer): boolean {
  return head.length >= magicBytes && head[0] === 0x1f && head[1] === 0x8b && head[2] === 8;
}

/** On this thread: handing chunks to the pool and back costs more than inflating them. */
async function* inflated(
  inflater: GzipInflater,
  head: Buffer,
  input: CompressedInput,
): AsyncGenerator<Uint8Array> {
  try {
    for (let chunk: Uint8Array | undefined = head; chunk !== undefined; chunk = await input.next())
      yield* inflater.push(chunk);
    if (!inflater.mayEnd) throw new GzipError("the gzip stream is cut");
  } catch (error) {
    throw error instanceof GzipError
      ? new UnpackError("DataLoss", "the compressed stream is damaged", { cause: error })
      : error;
  }
}

/**
 * Writes to `stream` until the input ends, or the stream has: it takes nothing that comes after its last
 * member.
 */
async function feed(stream: Gunzip | ZstdDecompress, head: Buffer, input: CompressedInput): Promise<void> {
  const ended = new AbortController();
  for (const event of ["end", "close", "error"]) stream.once(event, () => ended.abort());
  let chunk: Uint8Array | undefined = head;
  for (; chunk !== undefined && !ended.signal.aborted; chunk = await input.next()) {
    // It is read later, by another thread, and what `input` gave is gone then.
    if (stream.write(Buffer.from(chunk))) continue;
    await once(stream, "drain", { signal: ended.signal }).catch(() => {
      // Only `ended` can end this wait early; whoever reads the stream gets its error.
    });
  }
  if (!ended.signal.aborted) stream.end();
}

function isZlibError(error: unknown): boolean {
  return error instanceof Error && "code" in error && /^(Z_|ZSTD_|ERR_ZLIB)/.test(String(error.code));
}
