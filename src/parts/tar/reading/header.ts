import { blockBytes } from "../header.ts";
import { invalid } from "../tar-error.ts";
import { parseNumber } from "./numbers.ts";

/**
 * The fields of one 512-byte header block that berth uses, as they stand. POSIX ustar, with GNU's and v7's
 * variations.
 */
export type Header = {
  readonly type: string;
  readonly name: string;
  readonly linkName: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly sizeBytes: number;
  readonly mtimeSeconds: number;
  readonly major: number;
  readonly minor: number;
};

/** Parses a header block that is not all zero. Throws TarError InvalidArgument. */
export function parseHeader(block: Buffer): Header {
  verifyChecksum(block);
  const type = block.toString("latin1", 156, 157);
  const name = text(block, 0, 100);
  const prefix = isUstar(block) ? text(block, 345, 155) : "";
  const isDevice = type === "3" || type === "4";
  return {
    type: type === "\0" ? (name.endsWith("/") ? "5" : "0") : type,
    name: prefix === "" ? name : `${prefix}/${name}`,
    linkName: text(block, 157, 100),
    mode: parseNumber(block.subarray(100, 108), "mode") & 0o7777,
    uid: parseNumber(block.subarray(108, 116), "uid"),
    gid: parseNumber(block.subarray(116, 124), "gid"),
    sizeBytes: parseNumber(block.subarray(124, 136), "size"),
    mtimeSeconds: parseNumber(block.subarray(136, 148), "mtime"),
    major: isDevice ? parseNumber(block.subarray(329, 337), "device number") : 0,
    minor: isDevice ? parseNumber(block.subarray(337, 345), "device number") : 0,
  };
}

/** The sum counts its own field as blanks. Some tars of old summed signed bytes. */
function verifyChecksum(block: Buffer): void {
  let unsigned = 8 * 0x20;
  let high = 0;
  for (let at = 0; at < blockBytes; at++) {
    if (at >= 148 && at < 156) continue;
    const byte = block[at] ?? 0;
    unsigned += byte;
    high += byte >> 7;
  }
  const stored = parseNumber(block.subarray(148, 156), "checksum");
  if (stored !== unsigned && stored !== unsigned - 256 * high) throw invalid("a header's checksum is wrong");
}

/** GNU's own format ("ustar  ") has other fields where POSIX has the prefix. */
function isUstar(block: Buffer): boolean {
  return block.toString("latin1", 257, 263) === "ustar\0";
}

function text(block: Buffer, offset: number, length: number): string {
  const field = block.toString("latin1", offset, offset + length);
  const end = field.indexOf("\0");
  return end === -1 ? field : field.slice(0, end);
}
