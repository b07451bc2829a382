import { readlink } from "node:fs/promises";
import { dirname, isAbsolute, join } from "node:path";
import { isErrno } from "../fs/index.ts";
import { type MountInfo, mountInfo } from "../linux/index.ts";

/** The kernel's limit of symbolic links in a path. */
const maxLinks = 40;
const maxPathLength = 4096;

/** File systems that depend on a server or on a process, such as an automount's daemon. */
const answeredByOthers =
  /^(autofs|nfs|cifs|smb|fuse|ceph|9p|virtiofs|lustre|gpfs|glusterfs|beegfs|orangefs|pvfs2|afs|coda|ocfs2|gfs2)/;

/**
 * The mount of a path by its name, without accessing a file system; undefined if it is not absolute. Symbolic
 * links may lead elsewhere.
 */
export async function mountByName(path: string): Promise<MountInfo | undefined> {
  return mountIn(await mountInfo(), path);
}

/**
 * The mount of an absolute path after symbolic links. Links are read only on the machine's own file systems:
 * the first other file system on the way is the result.
 */
export async function mountByLinks(path: string): Promise<MountInfo | undefined> {
  const mounts = await mountInfo();
  if (path.length > maxPathLength) return mountIn(mounts, path);
  const names = namesOf(path);
  let reached = "/";
  let links = 0;
  for (let name = names.shift(); name !== undefined; name = names.shift()) {
    const next = join(reached, name);
    const mount = mountIn(mounts, next);
    if (mount !== undefined && isAnsweredByOthers(mount)) return mount;
    const target = await linkTarget(next);
    if (target === "nothing there" || links > maxLinks) return mount;
    reached = next;
    if (target === "no link") continue;
    links++;
    reached = isAbsolute(target.path) ? "/" : dirname(next);
    names.unshift(...namesOf(target.path));
  }
  return mountIn(mounts, reached);
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
    const { mountPoint } = mount;
    const holds = mountPoint === "/" || path === mountPoint || path.startsWith(`${mountPoint}/`);
    if (holds && mountPoint.length >= (found?.mountPoint.length ?? 0)) found = mount;
  }
  return found;
}

export function isAnsweredByOthers({ type }: MountInfo): boolean {
  return answeredByOthers.test(type);
}
