import type { ArchiveEntry } from "../tar/index.ts";
import { invalid } from "./unpack-error.ts";

/** The kernel's device numbers have 12 bits and 20. */
const maxMajor = 0xfff;
const maxMinor = 0xfffff;

/** Throws UnpackError InvalidArgument for impossible device numbers. */
export function checkDevice({
  major,
  minor,
}: Extract<ArchiveEntry, { kind: "character-device" | "block-device" }>): void {
  if (major < 0 || minor < 0 || major > maxMajor || minor > maxMinor)
    throw invalid(`device number ${major}:${minor} is out of range`);
}
