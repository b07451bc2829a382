import assert from "node:assert/strict";
import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { NamespaceMode, RestorePodRequest } from "../src/ground/protocol/index.ts";
import { checkpoint, counting, countsTo } from "./support/checkpoints.ts";
import { eventually } from "./support/condition.ts";
import { checkpointing } from "./support/criu.ts";
import { testHandler } from "./support/handler.ts";
import { execSync, TestPod } from "./support/pod.ts";
import { podConfig, shellConfig } from "./support/requests.ts";
import { withBerth } from "./support/with-berth.ts";

const options = await checkpointing();

describe("with the snapshotter that copies, a checkpoint", () => {
  const host = withBerth({ config: `${options.config}[images]\nsnapshotter = "native"\n` });

  it("contains its container's changes, and is restored", async () => {
    const pod = await TestPod.run(host.berth, "native");
    const script = `echo new > /home/new; rm /etc/group; rm -r /var; mkdir /var; echo x > /var/y; ${counting}`;
    const id = await pod.shell("main", host.image, script);
    await countsTo(pod, "main", 3);
    const location = join(host.berth.directory, "native.tar");
    await checkpoint(host.berth, id, location);
    const other = await TestPod.run(host.berth, "native-after");
    const restored = await other.create(shellConfig("main", location, ""));
    await host.berth.clients.runtime.startContainer({ containerId: restored });
    await countsTo(other, "main", 10);
    assert.equal(await execSync(host.berth, restored, "cat", "/home/new", "/var/y"), "new\nx\n");
    await assert.rejects(execSync(host.berth, restored, "cat", "/etc/group"), /No such file/);
  });
});

describe("of a pod with a user namespace, a checkpoint", () => {
  const host = withBerth(options);
  const rpc = () => host.berth.clients.runtime;
  const ids = [{ containerId: 0, hostId: 300_000, length: 65_536 }];
  const usernsOptions = { mode: NamespaceMode.POD, uids: ids, gids: ids };
  const { POD, CONTAINER } = NamespaceMode;
  const namespaceOptions = { network: POD, pid: CONTAINER, ipc: POD, usernsOptions };
  const mapped = { linux: { securityContext: { namespaceOptions } } };

  const refusal = new RegExp(`UNIMPLEMENTED.*handler ${testHandler} .*user namespace`);

  it("is rejected, and so are one of the pod, and a restore into such a pod", async () => {
    const pod = await TestPod.run(host.berth, "mapped", mapped);
    const id = await pod.shell("main", host.image, counting, mapped);
    await countsTo(pod, "main", 3);
    const location = join(host.berth.directory, "mapped.tar");
    await assert.rejects(checkpoint(host.berth, id, location), refusal);
    const outputPath = join(host.berth.directory, "mapped.checkpoint");
    await mkdir(outputPath);
    const request = { podSandboxId: pod.id, outputPath, containerIds: [id], options: {} };
    await assert.rejects(rpc().checkpointPod(request), refusal);
    assert.deepEqual(await readdir(outputPath), []);

    const plain = await TestPod.run(host.berth, "plain");
    const own = await plain.shell("main", host.image, counting);
    await countsTo(plain, "main", 3);
    await checkpoint(host.berth, own, location);
    await rpc().checkpointPod({ ...request, podSandboxId: plain.id, containerIds: [own] });
    await assert.rejects(pod.create(shellConfig("restored", location, "", mapped)), refusal);
    const config = podConfig("mapped-copy", mapped);
    const containerConfigs = [shellConfig("main", host.image, counting, mapped)];
    const restore = RestorePodRequest.fromPartial({ checkpointPath: outputPath, config, containerConfigs });
    await assert.rejects(rpc().restorePod(restore), refusal);
    assert.deepEqual(await readdir(join(host.berth.root, "checkpoints")), []);
    const said = (await pod.log("main")).length;
    await eventually("it goes on", async () => (await pod.log("main")).length > said + 2);
  });
});
