import { dirname, join } from "node:path";
import { makeDirectories } from "../../../ground/directories/index.ts";
import type { ContainerConfig, PodSandboxConfig } from "../../../ground/protocol/index.ts";
import type { ContainerRecord } from "../records/records.ts";
import type { PodServices } from "../services.ts";

/**
 * Path of the log; there is one only if both the pod's log directory and the container's file name are given.
 */
export function containerLogPath(sandboxConfig: PodSandboxConfig, config: ContainerConfig): string {
  if (sandboxConfig.logDirectory === "" || config.logPath === "") return "";
  return join(sandboxConfig.logDirectory, config.logPath);
}

/** Kubelets create the directory; other clients need not. */
export async function ensureLogDirectory(
  { logPath, sandboxId }: ContainerRecord,
  { hostPaths }: Pick<PodServices, "hostPaths">,
): Promise<void> {
  if (logPath === "") return;
  const directory = dirname(logPath);
  await hostPaths.of(sandboxId)(directory, () => makeDirectories(directory, 0o755));
}
