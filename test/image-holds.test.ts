/** Images that are removed between the moment they are pulled and the creation of a container. */
import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { RemoveImageRequest } from "../src/ground/protocol/index.ts";
import { imageOf } from "../src/testing/images.ts";
import { pushImage } from "../src/testing/registry.ts";
import { tempDir } from "../src/testing/temp-dir.ts";
import { TestBerth } from "./support/berth.ts";
import { startBusyboxRegistry } from "./support/busybox.ts";
import { cliOutput, startCli } from "./support/cli.ts";
import { eventually } from "./support/condition.ts";
import { GatePlugin } from "./support/gate-plugin.ts";
import { TestPod } from "./support/pod.ts";
import { shellConfig } from "./support/requests.ts";
import { testSnapshotter } from "./support/snapshotter.ts";

describe("the image of a run whose pod is being made", () => {
  it("is not pruned, and serves the run even after a kubelet has removed its names", async () => {
    await using directory = await tempDir();
    await using registry = await startBusyboxRegistry();
    const gate = await GatePlugin.write(directory.path);
    await using berth = await TestBerth.start({ ...gate.options, config: '[images]\ngc_delay = "0s"' });
    await using undo = new AsyncDisposableStack();
    undo.defer(() => gate.open());
    const prune = () => cliOutput(berth, "image", "prune", "--all", "--force");
    const argv = ["run", "--rm", "--log-dir", berth.logDir, registry.image, "echo", "hello"];
    const { outcome } = startCli(berth, argv);
    await gate.begun();
    assert.equal(await prune(), "total reclaimed space: 0 B");
    const { images } = berth.clients;
    await images.removeImage(RemoveImageRequest.fromPartial({ image: { image: registry.image } }));
    assert.deepEqual((await images.listImages({ filter: undefined })).images, []);
    // One that removes something collects garbage before it answers.
    await pushImage(registry, "other", "v1", await imageOf({ layers: [[{ name: "x", content: "x" }]] }));
    await berth.pull(`${registry.host}/other:v1`);
    assert.match(await prune(), /^untagged: .*other/);
    await gate.open();
    const { status, stdout, stderr } = await outcome;
    assert.deepEqual([status, stdout], [0, "hello\n"], stderr);
  });
});

describe("the tag of an image that runs in the foreground", () => {
  it("holds no image that it names later", async () => {
    await using registry = await startBusyboxRegistry();
    await using berth = await TestBerth.start({ config: '[images]\ngc_delay = "0s"' });
    const running = startCli(berth, [
      "run",
      "--log-dir",
      berth.logDir,
      "--name",
      "long",
      registry.image,
      "sleep",
      "1000",
    ]);
    const isRunning = async () =>
      (await cliOutput(berth, "exec", "long", "echo", "up").catch(() => "")) === "up";
    await eventually("the container runs", isRunning);
    const [repository = "", tag = ""] = registry.image.slice(registry.host.length + 1).split(":");
    for (const content of ["second", "third"]) {
      await pushImage(registry, repository, tag, await imageOf({ layers: [[{ name: "x", content }]] }));
      await berth.pull(registry.image);
    }
    const listed = async () => (await berth.clients.images.listImages({ filter: undefined })).images.length;
    assert.equal(await listed(), 3);
    await cliOutput(berth, "image", "prune", "--force");
    assert.equal(await listed(), 2);
    await cliOutput(berth, "rm", "-f", "long");
    await running.outcome;
  });
});

describe("an image that is removed while it is in use", () => {
  it("leaves the disk once the last container or mount of it is gone", async () => {
    await using registry = await startBusyboxRegistry();
    await using berth = await TestBerth.start({ config: '[images]\ngc_delay = "0s"' });
    const layers = async () => {
      const names = await readdir(join(berth.root, "snapshots", testSnapshotter, "k8s.io"));
      return names.filter((name) => /^\d+$/.test(name)).length;
    };
    const { images, runtime } = berth.clients;
    const remove = () =>
      images.removeImage(RemoveImageRequest.fromPartial({ image: { image: registry.image } }));
    await berth.pull(registry.image);
    const pod = await TestPod.run(berth, "user");
    await pod.create(shellConfig("main", registry.image, "true"));
    await remove();
    assert.equal(await layers(), 2);
    await runtime.removePodSandbox({ podSandboxId: pod.id });
    await eventually("the layer is gone", async () => (await layers()) === 0);
    await berth.pull(registry.image);
    const mounted = await cliOutput(berth, "image", "mount", registry.image);
    await remove();
    assert.equal(await layers(), 2);
    await cliOutput(berth, "image", "umount", mounted);
    await eventually("the layer is gone", async () => (await layers()) === 0);
  });
});
