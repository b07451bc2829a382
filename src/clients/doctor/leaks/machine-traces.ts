import { glob, readdir } from "node:fs/promises";
import { join } from "node:path";
import type { Config } from "../../../ground/config/index.ts";
import { mountsBelow } from "../../../ground/linux/index.ts";
import { idsIn, type Trace } from "./trace.ts";

/** Mounts (pinned namespaces among them) and directories of the state directory, and cgroups. */
export async function machineTraces({ state }: Config): Promise<readonly Trace[]> {
  const parts = await Promise.all([mounts(state), directories(state), cgroups()]);
  return parts.flat();
}

async function mounts(state: string): Promise<readonly Trace[]> {
  const below = await mountsBelow(state);
  return below.map((mountPoint) => ({
    kind: "mounts",
    ids: idsIn(mountPoint),
    where: mountPoint,
    removal: `umount ${mountPoint}`,
  }));
}

async function directories(state: string): Promise<readonly Trace[]> {
  const parts = ["sandboxes", "containers"].map(async (part) => {
    const names = await readdir(join(state, part)).catch(() => []);
    return names.map((name): Trace => {
      const where = join(state, part, name);
      return { kind: "directories", ids: idsIn(name), where, removal: `rm -r ${where} (unmount first)` };
    });
  });
  return (await Promise.all(parts)).flat();
}

async function cgroups(): Promise<readonly Trace[]> {
  const found: Trace[] = [];
  for await (const path of glob("/sys/fs/cgroup/**/*[0-9a-f]*/")) {
    const ids = idsIn(path.split("/").findLast((part) => part !== "") ?? "");
    if (ids.length > 0) found.push({ kind: "cgroups", ids, where: path, removal: `rmdir ${path}` });
  }
  return found;
}
