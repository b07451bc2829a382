import { LinuxError } from "../linux-error.ts";

/**
 * Names of files on Linux are any bytes except NUL and, within one name, `/`. The functions of `files*.ts`
 * take and return them as *byte strings*, with one character (U+0001 to U+00FF) for each byte: a name from an
 * archive need not be UTF-8, and different names must stay different.
 */
const notOneByte = /[^\p{ASCII}\u0080-\u00ff]/u;

/**
 * A byte string with a terminating NUL, as system calls expect it. Throws LinuxError EINVAL if it is not a
 * byte string.
 */
export function cString(name: string): Uint8Array {
  if (name.includes("\0") || notOneByte.test(name))
    throw new LinuxError("name", "EINVAL", JSON.stringify(name));
  return Buffer.from(`${name}\0`, "latin1");
}

/** The byte string of a path or name that is ordinary text. */
export function toByteString(text: string): string {
  return Buffer.from(text).toString("latin1");
}

/** A byte string as text for people; bytes that are not UTF-8 become U+FFFD. */
export function fromByteString(name: string): string {
  return Buffer.from(name, "latin1").toString();
}
