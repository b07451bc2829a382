import { readFile, writeFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { until } from "./until.ts";

/**
 * Freezes the processes of a v1 cgroup by its `freezer.state`, as an administrator does by hand. One that
 * waits in the kernel for a process that is frozen already is never frozen itself: then all are thawed, and
 * frozen again.
 */
export async function freeze(state: string): Promise<void> {
  await until(async () => {
    await writeFile(state, "FROZEN");
    for (let look = 0; look < 20; look++) {
      if ((await readFile(state, "utf8")) === "FROZEN\n") return true;
      await sleep(5);
    }
    await writeFile(state, "THAWED");
    return false;
  });
}
