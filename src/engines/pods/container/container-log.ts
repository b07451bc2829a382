import { rm, rmdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { makeDirectories } from "../../../ground/directories/index.ts";
import type { ContainerConfig, PodSandboxConfig } from "../../../ground/protocol/index.ts";
import type { ContainerRecord } from "../records/records.ts";
import type { PodServices } from "../services.ts";

/** Where the log is kept: only when both the pod's directory and the container's name in it are given. */
export function containerLogPath(sandboxConfig: PodSandboxConfig, config: ContainerConfig): string {
  if (sandboxConfig.logDirectory === "" || config.logPath === "") return "";
  return join(sandboxConfig.logDirectory, config.logPath);
}

/** Kubelets make the directory; other clients need not. */
export async function ensureLogDirectory(
  { logPath, sandboxId }: ContainerRecord,
  { hostPaths }: Pick<PodServices, "hostPaths">,
): Promise<void> {
  if (logPath === "") return;
  const directory = dirname(logPath);
  await hostPaths.of(sandboxId)(directory, () => makeDirectories(directory, 0o755));
}

/** Where a log is put that has become too long. */
export function oldLog(logPath: string): string {
  return `${logPath}.1`;
}

/**
 * Removes the log of a container, and its directory and its pod's when nothing else is in them. A kubelet's
 * are the kubelet's to remove.
 */
export async function removeLog(
  { logPath, sandboxId }: ContainerRecord,
  { hostPaths }: Pick<PodServices, "hostPaths">,
): Promise<void> {
  if (logPath === "") return;
  await hostPaths.of(sandboxId)(logPath, async () => {
    for (const path of [logPath, oldLog(logPath)]) await rm(path, { force: true });
    for (const directory of [dirname(logPath), dirname(dirname(logPath))]) {
      try {
        await rmdir(directory);
      } catch (error) {
        if (["ENOENT", "ENOTEMPTY"].includes((error as NodeJS.ErrnoException).code ?? "")) return;
        throw error;
      }
    }
  });
}
