import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { it } from "node:test";
import type { TestBerth } from "./support/berth.ts";
import { eventually } from "./support/condition.ts";
import { TestPod } from "./support/pod.ts";
import { withBerth } from "./support/with-berth.ts";

const host = withBerth();

it("a daemon that has sent many large replies at once frees their memory", async () => {
  const { berth, image } = host;
  const containerId = await (await TestPod.run(berth, "large")).shell("main", image, "exec sleep 1000");
  const execSync = async (script: string) =>
    (await berth.clients.runtime.execSync({ containerId, cmd: ["sh", "-c", script], timeout: 0n })).stdout
      .length;
  for (let count = 0; count < 10; count++) await execSync("true");
  const before = await residentMiB(berth);
  const large = "head -c 16777216 /dev/zero";
  const lengths = await Promise.all(Array.from({ length: 24 }, () => execSync(large)));
  assert.deepEqual(lengths, Array(24).fill(16 * 2 ** 20));
  await eventually("its memory is back", async () => (await residentMiB(berth)) <= before + 60, {
    limitMs: 60_000,
    everyMs: 500,
  });
});

async function residentMiB({ pid }: TestBerth): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024;
}
