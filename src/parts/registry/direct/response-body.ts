import { RegistryError } from "../errors.ts";
import type { Framing } from "./response-head.ts";

/** Where the bytes of a body come from. */
export type BodySource = {
  readonly host: string;
  /** The next bytes, which are good until the next are asked for; undefined at the connection's end. */
  next(): Promise<Buffer | undefined>;
  /** The last bytes of what came last belong to what follows. */
  untake(bytes: number): void;
};

/** A chunk's size with its extensions, or a line behind the last chunk. */
const maxLineBytes = 8 * 1024;

/**
 * The bytes of a body, each piece good until the next is asked for. Throws RegistryError for one that is cut,
 * and what the source throws.
 */
export async function* readBody(
  source: BodySource,
  framing: Framing,
): AsyncGenerator<Uint8Array, void, void> {
  if (framing.kind === "length") yield* readBytes(source, framing.bytes);
  else if (framing.kind === "chunked") yield* readChunks(source);
  else for (let bytes = await source.next(); bytes !== undefined; bytes = await source.next()) yield bytes;
}

async function* readBytes(source: BodySource, length: number): AsyncGenerator<Uint8Array, void, void> {
  for (let left = length; left > 0; ) {
    const bytes = await nextOf(source);
    if (bytes.length > left) source.untake(bytes.length - left);
    const own = bytes.subarray(0, left);
    left -= own.length;
    yield own;
  }
}

/** RFC 9112, section 7.1; extensions and trailers are read over. */
async function* readChunks(source: BodySource): AsyncGenerator<Uint8Array, void, void> {
  for (;;) {
    const line = await readLine(source);
    const digits = /^[0-9A-Fa-f]{1,12}(?=[ \t]*(?:;|$))/.exec(line)?.[0];
    if (digits === undefined) throw malformed(source);
    const length = Number.parseInt(digits, 16);
    if (length === 0) break;
    yield* readBytes(source, length);
    if ((await readLine(source)) !== "") throw malformed(source);
  }
  for (let line = await readLine(source); line !== ""; line = await readLine(source));
}

async function readLine(source: BodySource): Promise<string> {
  let line = "";
  while (line.length <= maxLineBytes) {
    const bytes = await nextOf(source);
    const end = bytes.indexOf("\n");
    line += bytes.toString("latin1", 0, end === -1 ? bytes.length : end);
    if (end === -1) continue;
    source.untake(bytes.length - end - 1);
    if (!line.endsWith("\r")) break;
    return line.slice(0, -1);
  }
  throw malformed(source);
}

async function nextOf(source: BodySource): Promise<Buffer> {
  const bytes = await source.next();
  if (bytes !== undefined) return bytes;
  throw new RegistryError("Unavailable", `${source.host}: the connection broke`, { transient: true });
}

function malformed({ host }: BodySource): RegistryError {
  return new RegistryError("Unavailable", `${host}: the chunks of its answer are malformed`, {
    transient: true,
  });
}
