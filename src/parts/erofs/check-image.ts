import { ErofsError } from "./erofs-error.ts";
import { superblockBytes, superblockOffset } from "./format.ts";
import { incompatDeviceTable, magic } from "./superblock.ts";

/** As many bytes of an image as {@link checkImage} looks at. */
export const checkedBytes = superblockOffset + superblockBytes;

/** Whether bytes begin as an EROFS image does. */
export function isErofsImage(head: Buffer): boolean {
  return head.length >= checkedBytes && head.readUInt32LE(superblockOffset) === magic;
}

/**
 * Checks what the beginning of an image of `sizeBytes` says of it: that it is one, that it is all there, and
 * that it lies in no other files, whose names it could choose. All else is the kernel's to check. Throws
 * ErofsError InvalidArgument.
 */
export function checkImage(head: Buffer, sizeBytes: number): void {
  const at = superblockOffset;
  if (!isErofsImage(head)) throw invalid("it has no EROFS superblock");
  if ((head.readUInt32LE(at + 80) & incompatDeviceTable) !== 0 || head.readUInt16LE(at + 86) !== 0)
    throw invalid("it has data on other devices");
  const claimedBytes = head.readUInt32LE(at + 36) * 2 ** head.readUInt8(at + 12);
  if (claimedBytes > sizeBytes)
    throw invalid(`its superblock says ${claimedBytes} bytes, but it has ${sizeBytes}`);
}

function invalid(message: string): ErofsError {
  return new ErofsError("InvalidArgument", message);
}
