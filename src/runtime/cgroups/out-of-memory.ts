import { readFile } from "node:fs/promises";
import { join } from "node:path";

/** True if the kernel has killed a process of this cgroup because its memory ran out (memory.events of v2, memory.oom_control of v1). */
export async function hadOomKill(directory: string): Promise<boolean> {
  const texts = await Promise.all(
    ["memory.events", "memory.oom_control"].map((name) =>
      readFile(join(directory, name), "utf8").catch(() => ""),
    ),
  );
  return texts.some((text) => Number(/^oom_kill (\d+)$/m.exec(text)?.[1] ?? 0) > 0);
}
