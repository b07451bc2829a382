import { readdir, readlink, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { makeDirectories } from "../../ground/directories/index.ts";
import { ignoreGone, isErrno } from "../../ground/fs/index.ts";
import { type IDMapping, NamespaceMode, type UserNamespace } from "../../ground/protocol/index.ts";
import type { PodContext } from "./context.ts";
import { PodSpecError } from "./errors.ts";
import { type Pod, podTitle } from "./pod.ts";

/** One directory for the machine, since `berth play` and berthd's manager may run pods at the same time. */
export const machineUsersDir = "/run/berth-users";

/** As with a kubelet, each pod has its own block of the machine's ids, as many as a container can use. */
const idsPerPod = 65_536;
/** Above the ids that a kubelet on the same machine uses (65536 for each of 110 pods, from 65536 on). */
const firstBlock = 4_096;
const blocks = 4_096;

/**
 * The user namespace of a pod with `hostUsers: false`, with ids that no other pod has. The pod keeps them
 * until {@link freeUserNamespace}. Throws PodSpecError if none are left.
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

/**
 * Reserves a block. A reserved block is a link to its pod's uid, which is created atomically, even with
 * concurrent callers.
 */
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
