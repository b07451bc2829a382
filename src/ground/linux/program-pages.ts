import { closeSync, openSync, readFileSync, readlinkSync, readSync } from "node:fs";
import { libcFunction } from "./libc.ts";

const madvise = libcFunction("int madvise(uintptr_t from, size_t length, int advice)");
/** The kernel's MADV_DONTNEED. */
const dontNeed = 4;

const program = "/proc/self/exe";

/**
 * Removes the pages of this process's own program from its memory. Pages that are used again come from the
 * page cache, 64 KiB at a time. Parts of the program that a process writes to stay; all others equal the
 * file. Takes a millisecond or two.
 */
export function giveBackProgram(): void {
  const path = readlinkSync(program);
  const written = writtenParts();
  for (const { from, length, permissions, offset, file } of mappings()) {
    const mayBeWritten =
      permissions.includes("w") || written.some((part) => part.from < offset + length && offset < part.to);
    // It fails if pages are locked into memory: then they are meant to stay.
    if (file === path && !mayBeWritten) madvise(from, length, dontNeed);
  }
}

type Mapping = {
  readonly from: number;
  readonly length: number;
  readonly permissions: string;
  readonly offset: number;
  readonly file: string;
};

/** The mappings of files: proc_pid_maps(5). */
function mappings(): readonly Mapping[] {
  const lines = readFileSync("/proc/self/maps", "latin1").split("\n");
  return lines.filter((line) => line.includes(" /")).map(mapping);
}

/** `FROM-TO PERMISSIONS OFFSET DEVICE INODE   FILE`, numbers in hexadecimal digits. */
function mapping(line: string): Mapping {
  const [range = "", permissions = "", offset = ""] = line.split(" ", 3);
  const [from = 0, to = 0] = range.split("-").map((digits) => Number.parseInt(digits, 16));
  return {
    from,
    length: to - from,
    permissions,
    offset: Number.parseInt(offset, 16),
    file: line.slice(line.indexOf("/")),
  };
}

type Part = { readonly from: number; readonly to: number };

const fileHeaderBytes = 64;
const [loaded, writable] = [1, 2];

/**
 * Parts of the program's file that are loaded as writable, according to its program headers (elf(5)). This
 * includes parts that the loader makes read-only after it has written to them.
 */
function writtenParts(): readonly Part[] {
  const file = openSync(program, "r");
  try {
    const header = piece(file, fileHeaderBytes, 0);
    const [at, size, count] = [header.readBigUInt64LE(32), header.readUInt16LE(54), header.readUInt16LE(56)];
    const headers = piece(file, size * count, Number(at));
    return Array.from({ length: count }, (_, index) => headers.subarray(index * size, (index + 1) * size))
      .filter((each) => each.readUInt32LE(0) === loaded && (each.readUInt32LE(4) & writable) !== 0)
      .map((each) => {
        const from = Number(each.readBigUInt64LE(8));
        return { from, to: from + Number(each.readBigUInt64LE(32)) };
      });
  } finally {
    closeSync(file);
  }
}

function piece(file: number, length: number, at: number): Buffer {
  const bytes = Buffer.alloc(length);
  readSync(file, bytes, 0, length, at);
  return bytes;
}
