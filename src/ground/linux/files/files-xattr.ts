import { check, libcFunction } from "../libc.ts";
import { pathAt } from "./files-at.ts";
import { cString, fromByteString } from "./files-names.ts";

const lsetxattr = libcFunction(
  "int lsetxattr(const uint8_t *path, const uint8_t *key, const uint8_t *value, size_t size, int flags)",
);
const lgetxattr = libcFunction(
  "intptr_t lgetxattr(const uint8_t *path, const uint8_t *key, _Out_ uint8_t *value, size_t size)",
);
const llistxattr = libcFunction("intptr_t llistxattr(const uint8_t *path, _Out_ uint8_t *keys, size_t size)");

/** The kernel's own limit on one value and on a list of keys (XATTR_SIZE_MAX, XATTR_LIST_MAX). */
const maxBytes = 65536;

/**
 * Sets an extended attribute of a name in an open directory; of a symbolic link, its own. `key` is a byte
 * string. Throws LinuxError.
 */
export function setXattrAt(directory: number, name: string, key: string, value: Uint8Array): void {
  const path = cString(pathAt(directory, name).toString("latin1"));
  const result = lsetxattr(path, cString(key), value, value.length, 0);
  if (result === -1) check(`setxattr ${fromByteString(key)}`, result, fromByteString(name));
}

/** Value of an extended attribute. Throws LinuxError (ENODATA if it is not set). */
export function getXattrAt(directory: number, name: string, key: string): Uint8Array {
  const path = cString(pathAt(directory, name).toString("latin1"));
  const value = new Uint8Array(maxBytes);
  const length = Number(lgetxattr(path, cString(key), value, value.length));
  if (length === -1) check(`getxattr ${fromByteString(key)}`, length, fromByteString(name));
  return value.slice(0, length);
}

/** Keys of the extended attributes. Throws LinuxError. */
export function listXattrsAt(directory: number, name: string): readonly string[] {
  const path = cString(pathAt(directory, name).toString("latin1"));
  const keys = Buffer.alloc(maxBytes);
  const length = Number(llistxattr(path, keys, keys.length));
  if (length === -1) check("listxattr", length, fromByteString(name));
  return keys.toString("latin1", 0, length).split("\0").slice(0, -1);
}
