import { attribute } from "../netlink/attributes.ts";

/** As `nft` writes comments into the user data of rules and elements: a type, a length, a text with NUL. */
const commentType = 0;

/** Without the NUL at the end; what is longer is cut. */
export const maxNoteBytes = 127;

/** A comment as the attribute of that type. */
export function comment(type: number, note: string): Buffer {
  const text = Buffer.from(note).subarray(0, maxNoteBytes);
  return attribute(type, Buffer.concat([Buffer.of(commentType, text.length + 1), text, Buffer.of(0)]));
}

/** Empty where there is none. */
export function readComment(userData: Buffer | undefined): string {
  if (userData === undefined || userData.length < 2 || userData.readUInt8(0) !== commentType) return "";
  return userData.toString("utf8", 2, 1 + userData.readUInt8(1));
}
