import { closeSync, constants, fstatSync, open, read } from "node:fs";
import { lstat, readlink } from "node:fs/promises";
import { join, posix } from "node:path";
import { promisify } from "node:util";
import { RuntimeError } from "../../runtime-error.ts";

/** The same as the kernel's limit (path_resolution(7)). */
const maxLinks = 40;
const maxBytes = 8 * 1024 * 1024;

/**
 * Reads a text file of a container's root file system. Symbolic links are resolved as inside it: an absolute
 * one starts at its root, and no `..` leads out of it. Nobody else may change it meanwhile. Undefined if the
 * file does not exist. Throws RuntimeError FailedPrecondition if it is not a regular file, or too large.
 */
export async function readRootfsFile(rootfs: string, path: string): Promise<string | undefined> {
  const resolved = await resolveInside(rootfs, path);
  if (resolved === undefined) return undefined;
  // Opening a device or a FIFO with that name must have no effect and not block.
  const fd = await openFile(
    join(rootfs, resolved),
    constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK,
  );
  try {
    // Does not access the disk: the kernel has this in memory.
    const info = fstatSync(fd);
    if (!info.isFile() || info.size > maxBytes) {
      throw new RuntimeError(
        "FailedPrecondition",
        `image: /${path} is not a regular file of reasonable size`,
      );
    }
    return await readAll(fd, info.size);
  } finally {
    closeSync(fd);
  }
}

const openFile = promisify(open);
const readPart = promisify(read);

async function readAll(fd: number, sizeBytes: number): Promise<string> {
  const bytes = Buffer.alloc(sizeBytes);
  let length = 0;
  while (length < sizeBytes) {
    const { bytesRead } = await readPart(fd, bytes, length, sizeBytes - length, length);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  return bytes.toString("utf8", 0, length);
}

/** The path without symbolic links, relative to the root; undefined if it does not exist. */
export async function resolveInside(rootfs: string, path: string): Promise<string | undefined> {
  const found = await followLinks(rootfs, path);
  return found.kind === "there" ? found.path : undefined;
}

/**
 * Where a path leads through a dangling symbolic link: absolute, without symbolic links. Undefined for all
 * other paths, and for those below another mount, which covers the image's files there. OCI runtimes create
 * the mount points of mounts, but not all of them behind such a link: crun creates files there but no
 * directories, and runc since 1.2.8 neither (https://github.com/opencontainers/runc/issues/5090).
 */
export async function placeBehindDanglingLink(
  rootfs: string,
  path: string,
  isMounted: (path: string) => boolean,
): Promise<string | undefined> {
  const own = posix.resolve("/", path);
  const found = await followLinks(rootfs, path, (at) => at !== own && isMounted(at));
  return found.kind === "missing" && found.isOfLink ? found.place : undefined;
}

type Followed =
  /** `path` is relative to the root. */
  | { readonly kind: "there"; readonly path: string }
  /** `isOfLink`: the first missing component comes from a link's target. */
  | { readonly kind: "missing"; readonly place: string; readonly isOfLink: boolean };

async function followLinks(
  rootfs: string,
  path: string,
  isCovered: (path: string) => boolean = () => false,
): Promise<Followed> {
  const pending = path.split("/");
  let done: string[] = [];
  /** How many components of `pending` came from a link. */
  let ofLinks = 0;
  for (let links = 0; pending.length > 0; ) {
    const part = pending.shift() ?? "";
    const isOfLink = ofLinks > 0;
    if (isOfLink) ofLinks--;
    if (part === "" || part === ".") continue;
    if (part === "..") {
      done.pop();
      continue;
    }
    const isThere = !isCovered(posix.join("/", ...done, part));
    const target = isThere ? await linkTarget(join(rootfs, ...done, part)) : "missing";
    if (target === "missing")
      return { kind: "missing", place: posix.join("/", ...done, part, ...pending), isOfLink };
    if (target === "noLink") {
      done.push(part);
      continue;
    }
    if (++links > maxLinks)
      throw new RuntimeError(
        "FailedPrecondition",
        `image: too many symbolic links in ${posix.join("/", path)}`,
      );
    if (target.path.startsWith("/")) done = [];
    const parts = target.path.split("/");
    pending.unshift(...parts);
    ofLinks += parts.length;
  }
  return { kind: "there", path: done.join("/") };
}

async function linkTarget(path: string): Promise<"missing" | "noLink" | { readonly path: string }> {
  try {
    const info = await lstat(path);
    return info.isSymbolicLink() ? { path: await readlink(path) } : "noLink";
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return "missing";
    throw error;
  }
}
