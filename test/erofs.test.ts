import assert from "node:assert/strict";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { before, describe, it } from "node:test";
import { mountInfo } from "../src/ground/linux/index.ts";
import { ImageSpec, NamespaceMode } from "../src/ground/protocol/index.ts";
import { pushImage } from "../src/testing/registry.ts";
import { unmountBelow } from "../src/testing/unmount-below.ts";
import { busyboxImage } from "./support/busybox.ts";
import { eventually } from "./support/condition.ts";
import { execSync, TestPod } from "./support/pod.ts";
import { withBerth } from "./support/with-berth.ts";

const ids = [{ containerId: 0, hostId: 400_000, length: 65_536 }];
const { POD, CONTAINER } = NamespaceMode;
const usernsOptions = { mode: POD, uids: ids, gids: ids };
const mapped = {
  linux: {
    securityContext: { namespaceOptions: { network: POD, pid: CONTAINER, ipc: POD, usernsOptions } },
  },
};

describe("with the erofs snapshotter", () => {
  const host = withBerth({ config: '[images]\nsnapshotter = "erofs"\ngc_delay = "1ms"' });
  let image: string;

  before(async () => {
    const layers = [
      [
        { name: "data", type: "directory", mode: 0o755 } as const,
        { name: "data/kept", content: "kept\n", uid: 1000, mode: 0o640 },
        { name: "data/gone", content: "gone\n" },
        { name: "top", content: "1\n" },
      ],
      [
        { name: "data/.wh.gone", content: "" },
        { name: "top", content: "2\n" },
      ],
    ];
    await pushImage(host.registry, "erofs", "latest", await busyboxImage({ layers }));
    image = `${host.registry.host}/erofs:latest`;
    await host.berth.pull(image);
  });

  const snapshots = () => join(host.berth.root, "snapshots", "erofs", "k8s.io");
  const mountsBelow = async () =>
    (await mountInfo({ type: "erofs" })).filter(({ mountPoint }) => mountPoint.startsWith(`${snapshots()}/`));

  it("layers are two files each, however many files there are in them", async () => {
    for (const number of (await readdir(snapshots())).filter((entry) => /^[0-9]+$/.test(entry))) {
      const files = await readdir(join(snapshots(), number, "image"));
      assert.deepEqual(files.sort(), ["archive.tar", "index.erofs"]);
      assert.equal((await stat(join(snapshots(), number, "image"))).mode & 0o7777, 0o700);
    }
  });

  for (const [name, settings] of Object.entries({ plain: {}, mapped })) {
    it(`a ${name} pod has the files of all layers, its own changes, and no loop device`, async () => {
      const pod = await TestPod.run(host.berth, `${name}-erofs`, settings);
      const id = await pod.shell("main", image, "exec sleep 1000", settings);
      const inside = (...command: string[]) => execSync(host.berth, id, ...command);
      assert.equal(await inside("cat", "/top", "/data/kept"), "2\nkept\n");
      assert.equal(await inside("ls", "/data"), "kept\n");
      assert.equal(await inside("stat", "-c", "%u %a", "/data/kept"), "1000 640\n");
      await inside("sh", "-c", "echo changed > /data/kept; chown 5 /data/kept; rm /top; touch /new");
      assert.equal(await inside("cat", "/data/kept"), "changed\n");
      const other = await pod.shell("other", image, "exec sleep 1000", settings);
      assert.equal(await execSync(host.berth, other, "cat", "/top", "/data/kept"), "2\nkept\n");
      const sources = (await mountsBelow()).map(({ source }) => source);
      assert.ok(sources.length >= 3 && sources.every((source) => source.startsWith(snapshots())));
      await host.berth.clients.runtime.removePodSandbox({ podSandboxId: pod.id });
    });
  }

  it("a container is started after a restart of the daemon, and of the machine", async () => {
    const pod = await TestPod.run(host.berth, "restarted");
    const first = await pod.shell("first", image, "exec sleep 1000");
    await host.berth.restartDaemon("SIGKILL");
    assert.equal(await execSync(host.berth, first, "cat", "/data/kept"), "kept\n");
    await host.berth.stopDaemon();
    // As a machine that comes up finds it.
    await unmountBelow(snapshots());
    await host.berth.startDaemon();
    assert.equal(await execSync(host.berth, first, "cat", "/top"), "2\n");
    const second = await pod.shell("second", image, "exec sleep 1000");
    assert.equal(await execSync(host.berth, second, "cat", "/top", "/data/kept"), "2\nkept\n");
    await host.berth.clients.runtime.removePodSandbox({ podSandboxId: pod.id });
  });

  it("a removed image leaves neither files nor mounts", async () => {
    const { images } = host.berth.clients;
    for (const each of [image, host.image])
      await images.removeImage({ image: ImageSpec.fromPartial({ image: each }) });
    await eventually("all is gone", async () => {
      const left = (await readdir(snapshots())).filter((entry) => /^[0-9]+$/.test(entry));
      return left.length === 0 && (await mountsBelow()).length === 0;
    });
  });
});
