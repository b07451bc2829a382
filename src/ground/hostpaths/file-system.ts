import { readlink } from "node:fs/promises";
import { dirname, isAbsolute, join } from "node:path";
import { isErrno } from "../fs/index.ts";
import { type MountInfo, mountInfo } from "../linux/index.ts";

/** The kernel's limit of symbolic links in a path. */
const maxLinks = 40;
const maxPathLength = 4096;

/** File systems that depend on a server or on a process, such as an automount's daemon. */
const answeredByOthers =
  /autofs|nfs|cifs|smb|fuse|ceph|9p|virtiofs|lustre|gpfs|glusterfs|beegfs|orangefs|pvfs2|afs|coda|ocfs2|gfs2/y;

/**
 * The mount of a path by its name, without accessing a file system; undefined if it is not absolute. Symbolic
 * links may lead elsewhere.
 */
export async function mountByName(path: string): Promise<MountInfo | undefined> {
  return mountIn(await mountInfo(), path);
}

/** {@link mountByName} if it depends on others; undefined for the machine's own. */
export async function othersMountByName(path: string): Promise<MountInfo | undefined> {
  return await othersMountIn(await othersMounts(), path);
}

/**
 * The first mount that depends on others on the way to an absolute path, symbolic links included; undefined
 * if there is none. Links are read only on the machine's own file systems.
 */
export async function othersMountByLinks(path: string): Promise<MountInfo | undefined> {
  const others = await othersMounts();
  // Most machines have none, and then no link needs to be read.
  if (others.length === 0) return undefined;
  if (path.length > maxPathLength) return await othersMountIn(others, path);
  const names = namesOf(path);
  let reached = "/";
  let links = 0;
  for (let name = names.shift(); name !== undefined; name = names.shift()) {
    const next = join(reached, name);
    const mount = await othersMountIn(others, next);
    if (mount !== undefined) return mount;
    const target = await linkTarget(next);
    if (target === "nothing there" || links > maxLinks) return undefined;
    reached = next;
    if (target === "no link") continue;
    links++;
    reached = isAbsolute(target.path) ? "/" : dirname(next);
    names.unshift(...namesOf(target.path));
  }
  return undefined;
}

async function othersMounts(): Promise<readonly MountInfo[]> {
  return await mountInfo({ type: answeredByOthers });
}

/** The mount of a path if it is one of `others`; all mounts are looked at only below these. */
async function othersMountIn(others: readonly MountInfo[], path: string): Promise<MountInfo | undefined> {
  if (!others.some((mount) => holds(mount, path))) return undefined;
  const mount = await mountByName(path);
  return others.find(({ id }) => id === mount?.id);
}

function namesOf(path: string): string[] {
  return path.split("/").filter((name) => name !== "" && name !== ".");
}

async function linkTarget(path: string): Promise<{ readonly path: string } | "no link" | "nothing there"> {
  try {
    return { path: await readlink(path) };
  } catch (error) {
    return isErrno(error, "EINVAL") ? "no link" : "nothing there";
  }
}

function mountIn(mounts: readonly MountInfo[], path: string): MountInfo | undefined {
  let found: MountInfo | undefined;
  // The last of several at one mount point covers the others.
  for (const mount of mounts) {
    if (holds(mount, path) && mount.mountPoint.length >= (found?.mountPoint.length ?? 0)) found = mount;
  }
  return found;
}

function holds({ mountPoint }: MountInfo, path: string): boolean {
  return mountPoint === "/" || path === mountPoint || path.startsWith(`${mountPoint}/`);
}
