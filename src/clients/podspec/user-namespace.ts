import { readdir, readlink, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { makeDirectories } from "../../ground/directories/index.ts";
import { ignoreGone, isErrno } from "../../ground/fs/index.ts";
import { type IDMapping, NamespaceMode, type UserNamespace } from "../../ground/protocol/index.ts";
import type { PodContext } from "./context.ts";
import { PodSpecError } from "./errors.ts";
import { type Pod, podTitle } from "./pod.ts";

/** For all of the machine: `berth play` and berthd's manager have pods beside each other. */
export const machineUsersDir = "/run/berth-users";

/** As a kubelet: all ids of a container, and for each pod others of the machine. */
const idsPerPod = 65_536;
/** Beyond what a kubelet on the same machine takes by itself (65536 for each of 110 pods, from 65536 on). */
const firstBlock = 4_096;
const blocks = 4_096;

/**
 * The users of a pod with `hostUsers: false`: ids of the machine that no other pod has. The pod keeps them
 * until {@link freeUserNamespace}. Throws PodSpecError when none are left.
 */
export async function userNamespace(pod: Pod, context: PodContext): Promise<UserNamespace | undefined> {
  if (pod.spec.hostUsers !== false) return undefined;
  const block = (await blockOf(pod, context)) ?? (await takeBlock(pod, context));
  const ids: IDMapping[] = [{ containerId: 0, hostId: block * idsPerPod, length: idsPerPod }];
  return { mode: NamespaceMode.POD, uids: ids, gids: ids };
}

export async function freeUserNamespace(pod: Pod, context: PodContext): Promise<void> {
  if (pod.spec.hostUsers !== false) return;
  const block = await blockOf(pod, context);
  if (block !== undefined) await rm(join(context.usersDir, String(block)), { force: true });
}

/** Each block that is taken is a link to its pod's uid: made as one, whoever else takes one. */
async function takeBlock(pod: Pod, { usersDir }: PodContext): Promise<number> {
  await makeDirectories(usersDir, 0o700);
  const taken = new Set((await readdir(usersDir)).map(Number));
  for (let block = firstBlock; block < firstBlock + blocks; block++) {
    if (taken.has(block)) continue;
    try {
      await symlink(pod.metadata.uid, join(usersDir, String(block)));
      return block;
    } catch (error) {
      if (!isErrno(error, "EEXIST")) throw error;
    }
  }
  throw new PodSpecError(
    "ResourceExhausted",
    `pod ${podTitle(pod)} has hostUsers: false, and all ${blocks} user ranges are in use`,
  );
}

async function blockOf(pod: Pod, { usersDir }: PodContext): Promise<number | undefined> {
  for (const name of (await readdir(usersDir).catch(ignoreGone)) ?? [])
    if ((await readlink(join(usersDir, name)).catch(ignoreGone)) === pod.metadata.uid) return Number(name);
  return undefined;
}
