import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ignoreGone } from "../../ground/fs/index.ts";
import { logDirectory, podDirectory } from "../podspec/index.ts";
import type { ObservedContainer } from "./observe.ts";
import type { PodWork } from "./pod-work.ts";

type Attempts = Pick<PodWork, "pod" | "context">;

/**
 * Records the attempt of a container that is to be removed from the runtime, so that it still counts after a
 * crash before the next attempt exists.
 */
export async function saveAttempt(
  work: Attempts,
  { name, attempt }: Pick<ObservedContainer, "name" | "attempt">,
): Promise<void> {
  const directory = join(savedDirectory(work), name);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await writeFile(join(directory, String(attempt)), "", { mode: 0o600 });
}

/**
 * The last known attempts of containers that the runtime may have lost: those that were saved, and those that
 * have left a log, as with a kubelet (calcRestartCountByLogDir).
 */
export async function lastAttempts(work: Attempts): Promise<readonly (readonly [string, number])[]> {
  const { context, pod } = work;
  return [
    ...(await attemptsBelow(savedDirectory(work), /^(\d{1,9})$/)),
    ...(await attemptsBelow(logDirectory(context, pod), /^(\d{1,9})\.log(?:\.|$)/)),
  ];
}

function savedDirectory({ context, pod }: Attempts): string {
  return join(podDirectory(context, pod), "attempts");
}

/** The numbers in the names of files, by the directories that these are in. */
async function attemptsBelow(
  directory: string,
  form: RegExp,
): Promise<readonly (readonly [string, number])[]> {
  const found: (readonly [string, number])[] = [];
  for (const entry of (await readdir(directory, { withFileTypes: true }).catch(ignoreGone)) ?? []) {
    if (!entry.isDirectory()) continue;
    for (const file of (await readdir(join(directory, entry.name)).catch(ignoreGone)) ?? []) {
      const [, attempt] = form.exec(file) ?? [];
      if (attempt !== undefined) found.push([entry.name, Number(attempt)]);
    }
  }
  return found;
}
