import { chown, stat } from "node:fs/promises";
import { hostIdOf, idMappingsOf } from "../../../ground/linux/index.ts";
import type { OciUser } from "../spec/types.ts";

/** A user and group of the host. */
export type StreamOwner = { readonly uid: number; readonly gid: number };

/**
 * Who must own the pipes that are a container's standard streams, lest its process cannot open them by their
 * names (/dev/stdout): its user, by the mappings of the user namespace that `pid` is in. Undefined where its
 * users are the host's: OCI runtimes give the streams to the user themselves, and in a user namespace cannot
 * give away what is nobody's there.
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
 * Gives a process those of its standard streams that are pipes. For one that does not run its program yet:
 * what that has open is its own affair.
 */
export async function giveStreams(pid: number, { uid, gid }: StreamOwner): Promise<void> {
  for (const fd of [0, 1, 2]) {
    const path = `/proc/${pid}/fd/${fd}`;
    if ((await stat(path)).isFIFO()) await chown(path, uid, gid);
  }
}
