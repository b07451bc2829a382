import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { promisify } from "node:util";
import { status } from "@grpc/grpc-js";
import { ContainerState, RemoveImageRequest } from "../src/ground/protocol/index.ts";
import type { TestRegistry } from "../src/testing/registry.ts";
import { type SmallDisk, smallDisk } from "../src/testing/small-disk.ts";
import { tempDir } from "../src/testing/temp-dir.ts";
import { TestBerth } from "./support/berth.ts";
import { startBusyboxRegistry } from "./support/busybox.ts";
import { cliOutput } from "./support/cli.ts";
import { eventually } from "./support/condition.ts";
import { exited, TestPod } from "./support/pod.ts";
import { shellConfig } from "./support/requests.ts";

const run = promisify(execFile);

let registry: TestRegistry & { readonly image: string };
before(async () => {
  registry = await startBusyboxRegistry();
});
after(() => registry[Symbol.asyncDispose]());

async function runtimeReady(berth: TestBerth) {
  const { status } = await berth.clients.runtime.status({ verbose: false });
  return status?.conditions.find(({ type }) => type === "RuntimeReady");
}

describe("with a full root directory", () => {
  let disk: SmallDisk;
  let berth: TestBerth;
  before(async () => {
    disk = await smallDisk(64 << 20);
    berth = await TestBerth.start({ root: disk.path });
    await berth.pull(registry.image);
  });
  after(async () => {
    await berth[Symbol.asyncDispose]();
    await disk[Symbol.asyncDispose]();
  });

  const layers = () => readdir(join(disk.path, "snapshots/overlayfs/k8s.io"));

  for (const restarted of ["", ", also after an end in order", ", also after a crash"]) {
    it(`pods can be stopped, and pods, containers and images removed${restarted}`, async () => {
      const imageRef = await berth.pull(registry.image);
      const before = (await layers()).length;
      const pod = await TestPod.run(berth, "full");
      const other = await TestPod.run(berth, "other");
      const script = "dd if=/dev/zero of=/big bs=1M count=5; exec sleep 1000";
      const containerId = await pod.shell("big", registry.image, script);
      const running = await other.shell("main", registry.image, "exec sleep 1000");
      if (restarted !== "") await berth.stopDaemon(restarted.includes("crash") ? "SIGKILL" : "SIGTERM");
      await disk.fill();
      if (restarted !== "") await berth.startDaemon();
      const { runtime, images } = berth.clients;
      await runtime.stopPodSandbox({ podSandboxId: other.id });
      assert.equal((await exited(berth, running)).exitCode, 137);
      await runtime.removeContainer({ containerId });
      await runtime.removePodSandbox({ podSandboxId: other.id });
      await runtime.removePodSandbox({ podSandboxId: pod.id });
      await images.removeImage(RemoveImageRequest.fromPartial({ image: { image: imageRef } }));
      assert.deepEqual((await runtime.listPodSandbox({ filter: undefined })).items, []);
      assert.deepEqual((await images.listImages({ filter: undefined })).images, []);
      await eventually("the layers are gone", async () => (await layers()).length < before);
      await disk.free();
    });
  }
});

describe("images on a full root directory", () => {
  it("can be saved, pushed and compared; a new name and a mount are refused for want of space", async () => {
    await using disk = await smallDisk(64 << 20);
    await using berth = await TestBerth.start({ root: disk.path, network: undefined });
    await berth.pull(registry.image);
    await using out = await tempDir();
    await disk.fill();
    const archive = join(out.path, "saved.tar");
    await cliOutput(berth, "save", "-o", archive, registry.image);
    const { stdout } = await run("skopeo", ["inspect", "--format", "{{.Digest}}", `oci-archive:${archive}`]);
    const copy = `${registry.host}/full/copy:v1`;
    await cliOutput(berth, "push", "--quiet", registry.image, copy);
    const inspect = ["inspect", "--tls-verify=false", "--format", "{{.Digest}}", `docker://${copy}`];
    assert.equal((await run("skopeo", inspect)).stdout, stdout);
    assert.match(await cliOutput(berth, "image", "diff", registry.image), /^A \/bin$/m);
    for (const refused of [
      ["tag", registry.image, "other:v1"],
      ["image", "mount", registry.image],
    ])
      await assert.rejects(cliOutput(berth, ...refused), /full|no space/);
    assert.deepEqual(await cliOutput(berth, "image", "mount", "-q"), "");
    await disk.free();
    await cliOutput(berth, "tag", registry.image, "other:v1");
  });
});

describe("with no free inode in the root directory", () => {
  it("a container cannot start, and the error says why; with free inodes, the next one does", async () => {
    await using disk = await smallDisk(64 << 20, 2000);
    await using berth = await TestBerth.start({ root: disk.path });
    await berth.pull(registry.image);
    const pod = await TestPod.run(berth, "starts");
    const { runtime } = berth.clients;
    const containerId = await pod.create(shellConfig("main", registry.image, "exec sleep 1000"));
    await disk.fillInodes();
    await assert.rejects(runtime.startContainer({ containerId }), {
      code: status.RESOURCE_EXHAUSTED,
      details: /no space left on device|no inode left on the file system of .*; delete something there/,
    });
    await disk.free();
    await pod.shell("next", registry.image, "exec sleep 1000");
  });
});

describe("with a database that cannot be written", () => {
  it("berthd is not ready and says why, kills the containers of a stopped pod, and continues when it can be written", async () => {
    await using berth = await TestBerth.start();
    await berth.pull(registry.image);
    const pod = await TestPod.run(berth, "unwritable");
    const id = await pod.shell("main", registry.image, "exec sleep 1000");
    // Every write to a file fails, as on a failed disk.
    const limitWrites = (limit: string) => run("prlimit", ["--pid", String(berth.pid), `--fsize=${limit}:`]);
    await limitWrites("0");
    const { runtime } = berth.clients;
    await assert.rejects(runtime.stopPodSandbox({ podSandboxId: pod.id }), /metadata\.db: disk I\/O error/);
    const { status } = await runtime.containerStatus({ containerId: id, verbose: false });
    assert.equal(status?.state, ContainerState.CONTAINER_EXITED);
    const condition = await runtimeReady(berth);
    assert.deepEqual([condition?.status, condition?.reason], [false, "MetadataNotWritable"]);
    assert.match(condition?.message ?? "", /disk I\/O error/);
    await limitWrites("unlimited");
    await eventually("it is ready", async () => (await runtimeReady(berth))?.status === true);
    await runtime.removePodSandbox({ podSandboxId: pod.id });
  });

  it("berthd reports a read-only root directory", async () => {
    await using disk = await smallDisk(32 << 20);
    await using berth = await TestBerth.start({ root: disk.path, network: undefined });
    await berth.stopDaemon();
    await run("mount", ["-o", "remount,ro", disk.path]);
    await assert.rejects(berth.startDaemon(), /metadata\.db: .*read-only/);
    await run("mount", ["-o", "remount,rw", disk.path]);
    await berth.startDaemon();
  });
});
