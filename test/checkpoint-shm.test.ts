import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { promisify } from "node:util";
import { MountPropagation, RestorePodRequest } from "../src/ground/protocol/index.ts";
import { tarOf } from "../src/testing/images.ts";
import { checkpoint, counting, countsTo } from "./support/checkpoints.ts";
import { eventually } from "./support/condition.ts";
import { checkpointing } from "./support/criu.ts";
import { execSync, TestPod } from "./support/pod.ts";
import { podConfig, shellConfig } from "./support/requests.ts";
import { withBerth } from "./support/with-berth.ts";

const run = promisify(execFile);
const options = await checkpointing();

describe("a pod's shared memory", () => {
  const host = withBerth(options);
  const rpc = () => host.berth.clients.runtime;
  const at = (name: string) => join(host.berth.directory, name);
  const start = (containerId: string) => rpc().startContainer({ containerId });
  const namesIn = async (archive: string) => (await run("tar", ["-tf", archive])).stdout.split("\n");

  /** Waits until a container's script has written to the shared memory. */
  const written = (containerId: string) =>
    eventually(
      "it has written",
      async () =>
        (await execSync(host.berth, containerId, "sh", "-c", "cat /dev/shm/* 2>/dev/null; true")) !== "",
    );

  /** Keeps one file open, and has other files of all kinds. */
  const holding = [
    "cd /dev/shm; exec 8<>held; echo first >&8; mkdir -m 700 dir; echo deep > dir/file; chown 7:8 dir/file",
    "ln dir/file hard; ln -s held soft; chmod 4711 held; cd /",
    counting.replace("echo $i", "echo $i; [ -e /home/say ] && echo again >&8"),
  ].join("\n");

  it("is restored with its pod, for all of its containers", async () => {
    const pod = await TestPod.run(host.berth, "shm");
    const configs = [shellConfig("one", host.image, holding), shellConfig("two", host.image, counting)];
    const containerIds: string[] = [];
    for (const config of configs) {
      const id = await pod.create(config);
      await start(id);
      containerIds.push(id);
    }
    for (const name of ["one", "two"]) await countsTo(pod, name, 3);
    const list =
      "cd /dev/shm; find . -exec stat -c '%n %F %a %u:%g %s' {} + | sort; cat held dir/file; readlink soft";
    const [one = ""] = containerIds;
    const before = await execSync(host.berth, one, "sh", "-c", list);
    const outputPath = at("shm.checkpoint");
    await mkdir(outputPath);
    await rpc().checkpointPod({ podSandboxId: pod.id, outputPath, containerIds, options: {} });

    const config = podConfig("shm-copy", { logDirectory: at("shm-copy") });
    const restored = await rpc().restorePod(
      RestorePodRequest.fromPartial({ checkpointPath: outputPath, config, containerConfigs: configs }),
    );
    const [first = "", second = ""] = ["one", "two"].map(
      (name) => restored.restoredContainers.find((one) => one.name === name)?.containerId,
    );
    // Changes by the first, before the second continues, are kept.
    await start(first);
    assert.equal(await execSync(host.berth, first, "sh", "-c", list), before);
    await execSync(host.berth, first, "sh", "-c", "echo changed > /dev/shm/dir/file; rm /dev/shm/soft");
    await start(second);
    assert.equal(await execSync(host.berth, second, "cat", "/dev/shm/dir/file"), "changed\n");
    await assert.rejects(execSync(host.berth, second, "readlink", "/dev/shm/soft"));
    await execSync(
      host.berth,
      first,
      "sh",
      "-c",
      "touch /home/say; until grep again /dev/shm/held; do sleep 0.1; done",
    );
    assert.match(await execSync(host.berth, second, "cat", "/dev/shm/held"), /^first\nagain\n/);
  });

  it("that other containers use keeps its files, and gets the missing ones", async () => {
    const pod = await TestPod.run(host.berth, "shm-one");
    const id = await pod.shell("main", host.image, `echo was > /dev/shm/both; ${holding}`);
    await countsTo(pod, "main", 3);
    const archive = at("shm-one.tar");
    await checkpoint(host.berth, id, archive);
    const other = await TestPod.run(host.berth, "shm-other");
    const user = await other.shell("user", host.image, "echo is > /dev/shm/both; exec sleep 100000");
    await written(user);
    const restored = await other.create(shellConfig("main", archive, ""));
    assert.equal(await execSync(host.berth, user, "cat", "/dev/shm/both", "/dev/shm/held"), "is\nfirst\n");
    await start(restored);
    await countsTo(other, "main", 10);
  });

  it("is not in the checkpoint of a container that replaces it with another", async () => {
    const hostPath = at("own-shm");
    await mkdir(hostPath);
    const propagation = MountPropagation.PROPAGATION_PRIVATE;
    const mounts = [{ containerPath: "/dev/shm", hostPath, propagation }];
    const pod = await TestPod.run(host.berth, "shm-volume");
    const id = await pod.shell("main", host.image, counting, { mounts });
    await countsTo(pod, "main", 3);
    await checkpoint(host.berth, id, at("shm-volume.tar"));
    assert.ok(!(await namesIn(at("shm-volume.tar"))).includes("devshm-checkpoint.tar"));
  });

  it("and its network are described in the archive as by Podman", async () => {
    const pod = await TestPod.run(host.berth, "told");
    const id = await pod.shell("main", host.image, `echo x > /dev/shm/x; ${counting}`);
    await countsTo(pod, "main", 3);
    const archive = at("told.tar");
    await checkpoint(host.berth, id, archive);
    await run("tar", ["-xf", archive, "-C", host.berth.directory, "devshm-checkpoint.tar", "network.status"]);
    assert.deepEqual(await namesIn(at("devshm-checkpoint.tar")), ["x", ""]);
    const networks = Object.values(JSON.parse(await readFile(at("network.status"), "utf8")));
    const [{ interfaces }] = networks as [{ interfaces: Record<string, never> }];
    const { subnets, mac_address } = interfaces.eth0 ?? assert.fail("eth0");
    assert.equal((subnets as { ipnet: string }[])[0]?.ipnet.split("/")[0], await pod.ip());
    assert.match(mac_address, /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/);
  });

  it("is neither escaped nor overwritten by an archive's files for it", async () => {
    const pod = await TestPod.run(host.berth, "shm-hostile");
    const user = await pod.shell("user", host.image, "echo is > /dev/shm/mine; exec sleep 100000");
    await written(user);
    const outside = at("outside");
    await mkdir(outside);
    await writeFile(join(outside, "file"), "untouched");
    const archive = at("shm-hostile.tar");
    const shm = await tarOf([
      { name: ".wh.mine", content: "" },
      { name: "mine", content: "changed" },
      { name: "link", type: "symlink", linkname: outside },
      { name: "link/file", content: "changed" },
    ]);
    await writeFile(
      archive,
      await tarOf([
        { name: "config.dump", content: JSON.stringify({ rootfsImageName: host.image }) },
        { name: "spec.dump", content: JSON.stringify({ process: { args: ["sh"] }, mounts: [] }) },
        { name: "checkpoint", type: "directory" },
        { name: "checkpoint/inventory.img", content: "none" },
        { name: "devshm-checkpoint.tar", content: shm },
      ]),
    );
    await pod.create(shellConfig("main", archive, ""));
    assert.equal(await readFile(join(outside, "file"), "utf8"), "untouched");
    assert.equal(await execSync(host.berth, user, "cat", "/dev/shm/mine"), "is\n");
  });
});
