import { type MountInfo, mountInfo } from "../linux/index.ts";

/** File systems that somebody else must answer for: a server, or a process. */
const answeredByOthers =
  /^(nfs|cifs|smb|fuse|ceph|9p|virtiofs|lustre|gpfs|glusterfs|beegfs|orangefs|pvfs2|afs|coda|ocfs2|gfs2)/;

/**
 * The mount that a path lies on by its name, which asks no file system; undefined for what is no absolute path. Symbolic links may
 * lead elsewhere.
 */
export async function mountByName(path: string): Promise<MountInfo | undefined> {
  let found: MountInfo | undefined;
  // The last of several at one place covers the others.
  for (const mount of await mountInfo()) {
    const { mountPoint } = mount;
    const holds = mountPoint === "/" || path === mountPoint || path.startsWith(`${mountPoint}/`);
    if (holds && mountPoint.length >= (found?.mountPoint.length ?? 0)) found = mount;
  }
  return found;
}

export function isAnsweredByOthers({ type }: MountInfo): boolean {
  return answeredByOthers.test(type);
}
