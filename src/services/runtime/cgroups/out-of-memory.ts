import { join } from "node:path";
import { readIfThere } from "../../../ground/fs/index.ts";

/**
 * How many processes of this cgroup, and of those below it with v2, the kernel has killed because memory ran
 * out (memory.events of v2, memory.oom_control of v1). Undefined when the cgroup is gone.
 */
export async function oomKills(directory: string): Promise<number | undefined> {
  const texts = await Promise.all(
    ["memory.events", "memory.oom_control"].map((name) => readIfThere(join(directory, name))),
  );
  const counts = texts.filter((text) => text !== undefined);
  if (counts.length === 0) return undefined;
  return counts.reduce((sum, text) => sum + Number(/^oom_kill (\d+)$/m.exec(text)?.[1] ?? 0), 0);
}
