import { rm, rmdir } from "node:fs/promises";
import { dirname } from "node:path";
import type { HostPaths } from "../../ground/hostpaths/index.ts";
import type { Container } from "../engine/index.ts";

/** The path to which a log is renamed that has become too long. */
export function oldLog(logPath: string): string {
  return `${logPath}.1`;
}

/**
 * Removes the log of a container, and its directory and that of its pod if they are empty. Not for a
 * kubelet's containers, whose logs the kubelet removes.
 */
export async function removeLog(
  { logPath, sandboxId }: Pick<Container, "logPath" | "sandboxId">,
  { hostPaths }: { readonly hostPaths: HostPaths },
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
