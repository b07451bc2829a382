import { mkdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { messageOf } from "../../../ground/errors/index.ts";
import { bindMount, isAtLeast, kernelRelease, NamespaceHolder } from "../../../ground/linux/index.ts";
import type { Handler, HandlerTable } from "../../../services/runtime/index.ts";
import type { Snapshotter } from "../../../services/snapshots/index.ts";
import { removeMountPoint } from "../records/remove-directory.ts";

/** Whether pods can have user namespaces on this host; if not, why, and the remedy. */
export type UserNamespaceSupport =
  | { readonly kind: "supported" }
  | { readonly kind: "unsupported"; readonly reason: string };

/** Any mapping will do for a trial. */
const trial = [{ containerId: 0, hostId: 100_000, length: 65_536 }];

/**
 * Tries it: creates a user namespace, and mounts the snapshots' directory with its ids. Costs one process and
 * a few milliseconds.
 */
export async function userNamespaceSupport(
  { name, root }: Pick<Snapshotter, "name" | "root">,
  stateDir: string,
): Promise<UserNamespaceSupport> {
  const kernel = kernelRelease();
  if (name !== "native" && !isAtLeast(kernel, 5, 19))
    return unsupported(`overlayfs supports ID-mapped layers since Linux 5.19, but this is ${kernel.text}`);
  const barrier = await privateDirectory(stateDir);
  if (barrier !== undefined)
    return unsupported(`only root can traverse ${barrier}; run \`chmod o+x ${barrier}\``);
  const target = join(stateDir, "user-namespace-trial");
  try {
    // A daemon may have crashed here.
    await removeMountPoint(target);
    await mkdir(target, { mode: 0o700 });
    await using holder = await NamespaceHolder.start({ uids: trial, gids: trial }, []);
    await bindMount(root, target, { idmap: holder.path("user") });
    return { kind: "supported" };
  } catch (error) {
    return unsupported(messageOf(error));
  } finally {
    await removeMountPoint(target);
  }
}

/** OCI runtimes mount root file systems as the pod's root, which must be able to traverse the path. */
async function privateDirectory(path: string): Promise<string | undefined> {
  const parent = dirname(path);
  const above = parent === path ? undefined : await privateDirectory(parent);
  return above ?? (((await stat(path)).mode & 0o001) === 0 ? path : undefined);
}

function unsupported(reason: string): UserNamespaceSupport {
  return { kind: "unsupported", reason };
}

/** The handlers, whose support for user namespaces is limited by this host's. */
export function withSupport(table: HandlerTable, support: UserNamespaceSupport): HandlerTable {
  if (support.kind === "supported") return table;
  const without = (handler: Handler): Handler => ({
    ...handler,
    features: { ...handler.features, userNamespaces: false },
  });
  return { ...table, handlers: table.handlers.map(without) };
}
