import assert from "node:assert/strict";
import { readdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { closeFile, getXattrAt, openDirectory } from "../src/ground/linux/index.ts";
import { NamespaceMode } from "../src/ground/protocol/index.ts";
import type { TestEntry } from "../src/testing/images.ts";
import { pushImage, type TestRegistry } from "../src/testing/registry.ts";
import { tempDir } from "../src/testing/temp-dir.ts";
import { busyboxImage, startBusyboxRegistry } from "./support/busybox.ts";
import { eventually } from "./support/condition.ts";
import { CrashingBerth } from "./support/crashing-berth.ts";
import { execSync, TestPod } from "./support/pod.ts";
import { shellConfig } from "./support/requests.ts";
import { withBerth } from "./support/with-berth.ts";

const shared = { mode: 0o640, uid: 1000, gid: 2000 } as const;

/** The image's files at /data: owners, modes, an attribute, a hard link, a set-user-id program. */
const content: readonly TestEntry[] = [
  { name: "data", type: "directory", mode: 0o750, uid: 1000, gid: 1001 },
  { name: "data/file", ...shared, content: "from the image" },
  { name: "data/twin", ...shared, type: "link", linkname: "data/file" },
  { name: "data/program", mode: 0o4755, content: "#!/bin/sh\n" },
  { name: "data/marked", content: "x", pax: { "SCHILY.xattr.user.mark": "red" } },
  { name: "empty", type: "directory", mode: 0o1777, uid: 7, gid: 8 },
];

/** Two chains of directories, one moved into the other: together too long for any path. */
const longPaths = `set -e
name=$(printf %0200d 0)
deepen() { mkdir "$1"; cd "$1"; for i in $(seq 15); do mkdir $name; cd $name; done; }
top=$PWD
(deepen one)
(deepen two; mv "$top/one" .)`;

async function push(
  registry: TestRegistry,
  name: string,
  volumes: readonly string[],
  layer: readonly TestEntry[] = content,
): Promise<string> {
  const config = { Volumes: Object.fromEntries(volumes.map((path) => [path, {}])) };
  await pushImage(registry, name, "latest", await busyboxImage({ layers: [layer], config }));
  return `${registry.host}/${name}:latest`;
}

for (const handler of ["crun", "runc"]) {
  describe(`a volume that an image declares, with ${handler}`, () => {
    const host = withBerth();
    let pods = 0;

    async function containerOf(image: string, overrides: Parameters<typeof shellConfig>[3] = {}) {
      await host.berth.pull(image);
      const pod = await TestPod.run(host.berth, `declared-${handler}-${++pods}`, {}, handler);
      return pod.shell("main", image, "exec sleep 1000", overrides);
    }
    const directoryOf = (id: string) => join(host.berth.root, "volumes", id);

    it("begins as the image has it, with owners, modes and attributes", async () => {
      const id = await containerOf(await push(host.registry, "data", ["/data", "/empty", "/new/one"]));
      const shell = (script: string) => execSync(host.berth, id, "sh", "-c", script);
      assert.equal(
        await shell("cd /data && stat -c '%n %a %u %g %h' . file program && cat twin"),
        ". 750 1000 1001 2\nfile 640 1000 2000 2\nprogram 4755 0 0 1\nfrom the image",
      );
      assert.equal(await shell("stat -c '%a %u %g' /empty /new/one"), "1777 7 8\n755 0 0\n");
      const volume = openDirectory(join(directoryOf(id), "0"));
      try {
        assert.equal(Buffer.from(getXattrAt(volume, "marked", "user.mark")).toString(), "red");
      } finally {
        closeFile(volume);
      }
    });

    it("belongs to the container, is writable even if the rest is not, and is removed with it", async () => {
      const image = await push(host.registry, "data", ["/data"]);
      const strict = { linux: { securityContext: { readonlyRootfs: true } } };
      const [one, other] = [await containerOf(image, strict), await containerOf(image, strict)];
      const shell = (id: string, script: string) => execSync(host.berth, id, "sh", "-c", script);
      await assert.rejects(shell(one, "touch /tmp/x"), { message: /Read-only/ });
      await shell(one, "echo mine > /data/new && rm /data/file");
      assert.equal(await shell(other, "ls /data"), "file\nmarked\nprogram\ntwin\n");
      assert.ok((await readdir(join(directoryOf(one), "0"))).includes("new"));
      assert.equal((await stat(directoryOf(one))).mode & 0o777, 0o700);
      await host.berth.clients.runtime.removeContainer({ containerId: one });
      await assert.rejects(stat(directoryOf(one)), { code: "ENOENT" });
      await stat(directoryOf(other));
    });

    it("is not created if the pod mounts something there or above, nor at every container's own mounts", async () => {
      const paths = [
        "/data",
        "/data/below",
        "/empty",
        "/proc",
        "/sys/fs/cgroup",
        "/dev/shm",
        "/etc/hosts",
        "/",
      ];
      const image = await push(host.registry, "data", paths);
      await using source = await tempDir();
      await writeFile(join(source.path, "file"), "of the pod");
      const mounts = [{ hostPath: source.path, containerPath: "/data/" }];
      const id = await containerOf(image, { mounts });
      assert.equal(await execSync(host.berth, id, "cat", "/data/file"), "of the pod");
      assert.deepEqual(await readdir(source.path), ["file"]);
      assert.deepEqual(await readdir(directoryOf(id)), ["0"]);
      assert.match(await execSync(host.berth, id, "cat", "/proc/self/cmdline"), /cat/);
      assert.match(await execSync(host.berth, id, "cat", "/etc/hosts"), /localhost/);
    });

    it("contains nothing of the host, wherever its path or the image's links lead", async () => {
      await using outside = await tempDir();
      await writeFile(join(outside.path, "secret"), "of the host");
      const inside = outside.path.slice(1);
      const layer: readonly TestEntry[] = [
        { name: inside, type: "directory", mode: 0o755 },
        { name: `${inside}/mark`, content: "of the image" },
        { name: "absolute", type: "symlink", linkname: outside.path },
        { name: "up", type: "symlink", linkname: `../../../../../..${outside.path}` },
        { name: "within", type: "symlink", linkname: `/proc/self/root${outside.path}` },
      ];
      const paths = ["/absolute", "/up", `/../../../..${outside.path}`];
      const id = await containerOf(await push(host.registry, "escape", paths, layer));
      for (const path of [...paths, outside.path])
        assert.equal(await execSync(host.berth, id, "ls", path), "mark\n");
      for (const volume of ["0", "1", "2"])
        assert.deepEqual(await readdir(join(directoryOf(id), volume)), ["mark"]);
      await execSync(host.berth, id, "touch", "/absolute/new", "/up/new");
      assert.deepEqual(await readdir(outside.path), ["secret"]);
      const magic = await push(host.registry, "magic", ["/within"], layer);
      const pod = await TestPod.run(host.berth, `declared-${handler}-magic`, {}, handler);
      await host.berth.pull(magic);
      const made = await pod.create(shellConfig("main", magic, "exec sleep 1000"));
      assert.deepEqual(await readdir(join(directoryOf(made), "0")), []);
    });

    it("has the image's owners also in a pod with a user namespace", async () => {
      const ids = [{ containerId: 0, hostId: 500_000, length: 65_536 }];
      const usernsOptions = { mode: NamespaceMode.POD, uids: ids, gids: ids };
      const { POD: network, CONTAINER: pid } = NamespaceMode;
      const linux = { securityContext: { namespaceOptions: { network, pid, ipc: network, usernsOptions } } };
      const image = await push(host.registry, "data", ["/data", "/empty", "/new/one"]);
      await host.berth.pull(image);
      const pod = await TestPod.run(host.berth, `declared-${handler}-mapped`, { linux }, handler);
      const id = await pod.shell("main", image, "exec sleep 1000", { linux });
      const script = "stat -c '%a %u %g' /data /data/file /empty /new/one && touch /new/one/mine";
      assert.equal(
        await execSync(host.berth, id, "sh", "-c", script),
        "750 1000 1001\n640 1000 2000\n1777 7 8\n755 0 0\n",
      );
    });

    it("is removed with its container however long its paths are, and is part of the container's size", async () => {
      const id = await containerOf(await push(host.registry, "data", ["/data"]));
      for (const directory of ["/data", "/home"])
        await execSync(host.berth, id, "sh", "-c", `cd ${directory}\n${longPaths}`);
      const { runtime } = host.berth.clients;
      const { stats } = await runtime.containerStats({ containerId: id });
      assert.ok(Number(stats?.writableLayer?.inodesUsed?.value) >= 30);
      await runtime.removeContainer({ containerId: id });
      await assert.rejects(stat(directoryOf(id)), { code: "ENOENT" });
      const trash = join(host.berth.root, "trash");
      await eventually("the files are gone", async () => (await readdir(trash)).length === 0);
    });

    it("that is a file in the image prevents the container", async () => {
      const image = await push(host.registry, "data", ["/data/file"]);
      await assert.rejects(containerOf(image), { details: /volume \/data\/file is not a directory/ });
    });
  });
}

describe("a volume that an image declares", () => {
  const host = withBerth({ config: '[container]\ndeclared_volumes = "ignore"' });

  it("is a part of the root file system if the configuration says so", async () => {
    const image = await push(host.registry, "data", ["/data"]);
    await host.berth.pull(image);
    const pod = await TestPod.run(host.berth, "ignored");
    const id = await pod.shell("main", image, "exec sleep 1000");
    assert.equal(await execSync(host.berth, id, "cat", "/data/file"), "from the image");
    assert.equal(await execSync(host.berth, id, "sh", "-c", "grep -c ' /data ' /proc/mounts || true"), "0\n");
  });
});

describe("a daemon that ends while it creates such a volume", () => {
  let undo = new AsyncDisposableStack();
  let host: CrashingBerth;
  let image = "";
  before(async () => {
    await using made = new AsyncDisposableStack();
    const registry = made.use(await startBusyboxRegistry());
    host = made.use(await CrashingBerth.start());
    image = await push(registry, "data", ["/data"]);
    await host.berth.pull(image);
    undo = made.move();
  });
  after(() => undo.disposeAsync());

  const volumes = () => readdir(join(host.berth.root, "volumes")).catch(() => []);

  for (const step of ["container-volumes", "container-spec", "undo container-volumes"]) {
    it(`before ${step} leaves none after the container's removal`, async () => {
      const linux = { cgroupParent: host.cgroupParent };
      const pod = await TestPod.run(host.berth, step.replaceAll(" ", "-"), { linux });
      const clean = await host.traces();
      const config = shellConfig("main", image, "exec sleep 1000");
      const removing = step.startsWith("undo");
      const first = removing ? await pod.create(config) : "";
      const { runtime } = host.berth.clients;
      await host.cutAt(step, () =>
        removing ? runtime.removeContainer({ containerId: first }) : pod.create(config),
      );
      await host.berth.startDaemon();
      if (!removing) assert.deepEqual(await volumes(), []);
      const containerId = removing ? first : await pod.create(config);
      assert.deepEqual(await volumes(), [containerId]);
      await host.berth.clients.runtime.removeContainer({ containerId });
      assert.deepEqual(await volumes(), []);
      await host.returnsTo(clean);
    });
  }
});
