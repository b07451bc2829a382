import { blockBytes } from "../header.ts";
import { invalid } from "../tar-error.ts";
import type { ArchiveEntry, EntryAttributes, EntrySink, FileContent } from "./entry.ts";
import { type Header, parseHeader } from "./header.ts";
import { parseDecimal, parseTime } from "./numbers.ts";
import { type PaxRecords, parsePax, paxText, paxXattrs } from "./pax.ts";
import {
  hasSparseMapInData,
  sparseContent,
  sparseExtensions,
  sparseHeader,
  sparseMapInData,
  sparseMapOfPax,
} from "./sparse.ts";

/**
 * What the parser wants next: `header` and `block`, exactly that many bytes (the archive may end before a
 * `header`); `data`, that many or fewer, as they come; `padding`, exactly that many, or the archive's end.
 */
export type Want = { readonly kind: "header" | "block" | "data" | "padding"; readonly bytes: number };

const wantHeader: Want = { kind: "header", bytes: blockBytes };
const wantBlock: Want = { kind: "block", bytes: blockBytes };

/** As much as Go's archive/tar takes, which every other engine is built on. */
const maxExtendedHeaderBytes = 1 << 20;

/** Headers that stand before the one they belong to. */
type Extensions = { pax: PaxRecords; longName?: string; longLink?: string };

/** An {@link EntrySink} that is not told where in the archive an entry's data begin. */
type ParsedSink = Omit<EntrySink, "begin"> & { begin(entry: ArchiveEntry): void };

/** Parses an archive from what it asks for, up to two blocks of zeros. Throws TarError InvalidArgument. */
export function* readArchive(sink: ParsedSink): Generator<Want, void, Buffer> {
  let extensions: Extensions = { pax: [] };
  while (true) {
    const block = yield wantHeader;
    if (isZero(block)) {
      if (isZero(yield wantHeader)) return;
      throw invalid("a lone block of zeros is followed by more");
    }
    const header = parseHeader(block);
    if (isExtension(header.type)) {
      extensions = extended(extensions, header, yield* body(header.sizeBytes));
    } else {
      yield* entry(header, block, extensions, sink);
      extensions = { pax: [] };
    }
  }
}

function isZero(block: Buffer): boolean {
  return block.every((byte) => byte === 0);
}

/** PAX headers, local and global, and GNU's long names and link targets. */
function isExtension(type: string): boolean {
  return type === "x" || type === "g" || type === "L" || type === "K";
}

/** Global PAX headers are read over, as all other engines do: an image must not look different here. */
function extended(extensions: Extensions, header: Header, bytes: Buffer): Extensions {
  if (header.type === "x") return { ...extensions, pax: parsePax(bytes) };
  if (header.type === "g") return extensions;
  const text = bytes.toString("latin1").replace(/\0.*$/s, "");
  return header.type === "L" ? { ...extensions, longName: text } : { ...extensions, longLink: text };
}

function* body(sizeBytes: number): Generator<Want, Buffer, Buffer> {
  if (sizeBytes < 0 || sizeBytes > maxExtendedHeaderBytes) {
    throw invalid(`an extended header has ${sizeBytes} bytes, at most ${maxExtendedHeaderBytes} are allowed`);
  }
  if (sizeBytes === 0) return Buffer.alloc(0);
  const padded = yield { kind: "block", bytes: sizeBytes + paddingOf(sizeBytes) };
  // The chunk that it came in may be overwritten before the entry is there.
  return Buffer.from(padded.subarray(0, sizeBytes));
}

function* entry(
  header: Header,
  block: Buffer,
  extensions: Extensions,
  sink: ParsedSink,
): Generator<Want, void, Buffer> {
  const { pax } = extensions;
  const attributes: EntryAttributes = {
    name: paxText(pax, "GNU.sparse.name") ?? paxText(pax, "path") ?? extensions.longName ?? header.name,
    mode: header.mode,
    uid: paxNumber(pax, "uid") ?? header.uid,
    gid: paxNumber(pax, "gid") ?? header.gid,
    mtime: paxTime(pax) ?? { seconds: header.mtimeSeconds, nanoseconds: 0 },
    xattrs: paxXattrs(pax),
  };
  const isFile = header.type === "0" || header.type === "7" || header.type === "S";
  if (!isFile) {
    sink.begin({ ...attributes, ...withoutData(header, extensions) });
    sink.end();
    return;
  }
  const storedBytes = paxNumber(pax, "size") ?? header.sizeBytes;
  if (storedBytes < 0) throw invalid("a file's size is negative");
  const { content, dataBytes } = yield* contentOf(header, block, pax, storedBytes);
  sink.begin({ ...attributes, kind: "file", content });
  yield* data(dataBytes, sink);
  sink.end();
  const padding = paddingOf(dataBytes);
  if (padding > 0) yield { kind: "padding", bytes: padding };
}

function paxNumber(pax: PaxRecords, key: string): number | undefined {
  const text = paxText(pax, key);
  return text === undefined ? undefined : parseDecimal(text, key);
}

function paxTime(pax: PaxRecords) {
  const text = paxText(pax, "mtime");
  return text === undefined ? undefined : parseTime(text);
}

/** Kinds that have no data whatever their header's size says. */
function withoutData(header: Header, extensions: Extensions) {
  const target = paxText(extensions.pax, "linkpath") ?? extensions.longLink ?? header.linkName;
  const { major, minor } = header;
  if (header.type === "1") return { kind: "hardlink", target } as const;
  if (header.type === "2") return { kind: "symlink", target } as const;
  if (header.type === "3") return { kind: "character-device", major, minor } as const;
  if (header.type === "4") return { kind: "block-device", major, minor } as const;
  if (header.type === "5") return { kind: "directory" } as const;
  if (header.type === "6") return { kind: "fifo" } as const;
  throw invalid(`an entry is of the unknown type ${JSON.stringify(header.type)}`);
}

/** Where a file's data go, and how many bytes of them follow. */
function* contentOf(
  header: Header,
  block: Buffer,
  pax: PaxRecords,
  storedBytes: number,
): Generator<Want, { content: FileContent; dataBytes: number }, Buffer> {
  if (header.type === "S") {
    const { sizeBytes, extents, more } = sparseHeader(block);
    const further = more ? yield* sparseExtensions(wantBlock) : [];
    return {
      content: sparseContent(sizeBytes, [...extents, ...further], storedBytes),
      dataBytes: storedBytes,
    };
  }
  const realSize = paxNumber(pax, "GNU.sparse.realsize") ?? paxNumber(pax, "GNU.sparse.size") ?? storedBytes;
  if (hasSparseMapInData(pax)) {
    const { extents, bytes } = yield* sparseMapInData(wantBlock);
    const dataBytes = storedBytes - bytes;
    return { content: sparseContent(realSize, extents, dataBytes), dataBytes };
  }
  const extents = sparseMapOfPax(pax);
  if (extents !== undefined)
    return { content: sparseContent(realSize, extents, storedBytes), dataBytes: storedBytes };
  const whole = { sizeBytes: storedBytes, extents: [{ offset: 0, length: storedBytes }] };
  return { content: whole, dataBytes: storedBytes };
}

function* data(bytes: number, sink: ParsedSink): Generator<Want, void, Buffer> {
  for (let left = bytes; left > 0; ) {
    const chunk = yield { kind: "data", bytes: left };
    sink.data(chunk);
    left -= chunk.length;
  }
}

function paddingOf(bytes: number): number {
  return (blockBytes - (bytes % blockBytes)) % blockBytes;
}
