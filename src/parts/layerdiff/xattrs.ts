import { isErrno } from "../../ground/fs/index.ts";
import { getXattrAt, listXattrsAt } from "../../ground/linux/index.ts";

/**
 * Extended attributes of a name in an open directory, in the order of their keys. `trusted.` ones are left
 * out: they are the host's and overlayfs's own.
 */
export function xattrsOf(directory: number, name: string): ReadonlyMap<string, Uint8Array> {
  try {
    const keys = listXattrsAt(directory, name).filter((key) => !key.startsWith("trusted."));
    return new Map(keys.toSorted().map((key) => [key, getXattrAt(directory, name, key)]));
  } catch (error) {
    if (isErrno(error, "EOPNOTSUPP", "ENOTSUP", "ENODATA")) return new Map();
    throw error;
  }
}
