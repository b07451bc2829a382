import assert from "node:assert/strict";
import { chown, mkdir, readdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { before, describe, it } from "node:test";
import { mountInfo, unmountBelow } from "../src/ground/linux/index.ts";
import { ImageSpec, NamespaceMode } from "../src/ground/protocol/index.ts";
import { erofsLayer, erofsType, imageWith, tarLayer } from "../src/testing/erofs-layers.ts";
import { pushImage } from "../src/testing/registry.ts";
import { busyboxImage, busyboxTree } from "./support/busybox.ts";
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
  /** An image of layers that are EROFS images themselves, with an archive between them. */
  let native: string;

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
    const nativeLayers = [
      await erofsLayer(async (directory) => {
        await busyboxTree(directory);
        await mkdir(join(directory, "data"));
        await writeFile(join(directory, "data", "kept"), "kept\n", { mode: 0o640 });
        await chown(join(directory, "data", "kept"), 1000, 0);
        for (const name of ["data/gone", "top"]) await writeFile(join(directory, name), "1\n");
      }),
      await tarLayer([{ name: "data/.wh.gone", content: "" }]),
      await erofsLayer((directory) => writeFile(join(directory, "top"), "2\n"), {
        type: `${erofsType}+zstd`,
        options: ["-zlz4"],
      }),
    ];
    await pushImage(host.registry, "native", "latest", imageWith(nativeLayers));
    native = `${host.registry.host}/native:latest`;
  });

  const snapshots = () => join(host.berth.root, "snapshots", "erofs", "k8s.io");
  const mountsBelow = async () =>
    (await mountInfo({ type: "erofs" })).filter(({ mountPoint }) => mountPoint.startsWith(`${snapshots()}/`));

  it("layers are two files each, however many files they contain", async () => {
    for (const number of (await readdir(snapshots())).filter((entry) => /^[0-9]+$/.test(entry))) {
      const files = await readdir(join(snapshots(), number, "image"));
      assert.deepEqual(files.sort(), ["archive.tar", "index.erofs"]);
      assert.equal((await stat(join(snapshots(), number, "image"))).mode & 0o7777, 0o700);
    }
  });

  it("layers that are EROFS images are one file each, next to archives", async () => {
    const files = async () => {
      const numbers = (await readdir(snapshots())).filter((entry) => /^[0-9]+$/.test(entry));
      numbers.sort((a, b) => Number(a) - Number(b));
      const each = await Promise.all(numbers.map((number) => readdir(join(snapshots(), number, "image"))));
      return each.map((names) => names.sort().join());
    };
    const before = (await files()).length;
    await host.berth.pull(native);
    assert.deepEqual((await files()).slice(before).sort(), [
      "archive.tar,index.erofs",
      "layer.erofs",
      "layer.erofs",
    ]);
  });

  const cases = [
    { name: "plain", settings: {}, imageOf: () => image },
    { name: "mapped", settings: mapped, imageOf: () => image },
    { name: "plain-native", settings: {}, imageOf: () => native },
    { name: "mapped-native", settings: mapped, imageOf: () => native },
  ];
  for (const { name, settings, imageOf } of cases) {
    it(`a ${name} pod sees the files of all layers, its own changes, and no loop device`, async () => {
      const image = imageOf();
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
    const ofNative = await pod.shell("native", native, "exec sleep 1000");
    await host.berth.restartDaemon("SIGKILL");
    assert.equal(await execSync(host.berth, ofNative, "cat", "/data/kept"), "kept\n");
    assert.equal(await execSync(host.berth, first, "cat", "/data/kept"), "kept\n");
    await host.berth.stopDaemon();
    // As after a boot of the machine.
    await unmountBelow(snapshots());
    await host.berth.startDaemon();
    assert.equal(await execSync(host.berth, first, "cat", "/top"), "2\n");
    for (const each of [image, native]) {
      const later = await pod.shell(each === native ? "later-native" : "later", each, "exec sleep 1000");
      assert.equal(await execSync(host.berth, later, "cat", "/top", "/data/kept"), "2\nkept\n");
    }
    await host.berth.clients.runtime.removePodSandbox({ podSandboxId: pod.id });
  });

  it("a removed image leaves neither files nor mounts", async () => {
    const { images } = host.berth.clients;
    for (const each of [image, native, host.image])
      await images.removeImage({ image: ImageSpec.fromPartial({ image: each }) });
    await eventually("all is gone", async () => {
      const left = (await readdir(snapshots())).filter((entry) => /^[0-9]+$/.test(entry));
      return left.length === 0 && (await mountsBelow()).length === 0;
    });
  });
});
