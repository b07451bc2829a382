import { chown, stat } from "node:fs/promises";
import { hostIdOf, idMappingsOf } from "../../../ground/linux/index.ts";
import type { OciUser } from "../spec/types.ts";

/** A user and group of the host. */
export type StreamOwner = { readonly uid: number; readonly gid: number };

/**
 * Who must own the pipes of a container's standard streams, so that its process can open them by name
 * (/dev/stdout): its user, according to the mappings of the user namespace of `pid`. Undefined without a user
 * namespace: then OCI runtimes give the streams to the user themselves. In a user namespace they cannot, as
 * the owner has no id there.
 */
export async function streamOwner(
  pid: number,
  user: Pick<OciUser, "uid" | "gid">,
): Promise<StreamOwner | undefined> {
  const { uids, gids } = await idMappingsOf(pid);
  const [uid, gid] = [hostIdOf(uids, user.uid), hostIdOf(gids, user.gid)];
  if (uid === undefined || gid === undefined) return undefined;
  return uid === user.uid && gid === user.gid ? undefined : { uid, gid };
}

/**
 * Makes a user the owner of a process's standard streams that are pipes. Only before the process runs its
 * program, which may open other files.
 */
export async function giveStreams(pid: number, { uid, gid }: StreamOwner): Promise<void> {
  for (const fd of [0, 1, 2]) {
    const path = `/proc/${pid}/fd/${fd}`;
    if ((await stat(path)).isFIFO()) await chown(path, uid, gid);
  }
}
