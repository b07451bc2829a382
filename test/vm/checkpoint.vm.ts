/** Checkpoints with runc and Debian's criu: its crun is built without criu. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { cgroupsAreDelegated } from "../../src/ground/linux/index.ts";
import { checkpoint, counting, countsTo } from "../support/checkpoints.ts";
import { TestPod } from "../support/pod.ts";
import { shellConfig } from "../support/requests.ts";
import { verboseInfo } from "../support/verbose.ts";
import { withBerth } from "../support/with-berth.ts";

describe("with cgroup v2 alone and systemd's scopes", () => {
  const host = withBerth({ config: `[runtime]\ndefault_handler = "runc"\n` });

  it("a container of several processes is checkpointed, goes on, and is restored in another pod's slice, and cgroup v2 keeps its options", async () => {
    const run = (name: string) =>
      TestPod.run(host.berth, name, { linux: { cgroupParent: `test-${name}.slice` } }, "runc");
    const pod = await run("first");
    const id = await pod.shell("main", host.image, counting);
    await countsTo(pod, "main", 3);
    const location = join(host.berth.directory, "checkpoint.tar");
    await checkpoint(host.berth, id, location);
    assert.ok(await cgroupsAreDelegated("v2"), "criu has taken nsdelegate away");
    const said = (await pod.log("main")).length;
    await countsTo(pod, "main", said + 3);

    const other = await run("second");
    const restored = await other.create(shellConfig("main", location, ""));
    await host.berth.clients.runtime.startContainer({ containerId: restored });
    assert.ok(await cgroupsAreDelegated("v2"), "criu has taken nsdelegate away at the restore");
    const numbers = await countsTo(other, "main", said + 3);
    assert.deepEqual(
      numbers,
      numbers.map((_, index) => index + 1),
    );
    const { pid } = await verboseInfo(host.berth, restored);
    const cgroup = (await readFile(`/proc/${pid}/cgroup`, "utf8")).trim();
    assert.equal(cgroup, `0::/test.slice/test-second.slice/berth-${restored}.scope`);
  });
});
