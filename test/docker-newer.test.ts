import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import type { TestRegistry } from "../src/testing/registry.ts";
import { tempDir } from "../src/testing/temp-dir.ts";
import { TestBerth } from "./support/berth.ts";
import { startBusyboxRegistry } from "./support/busybox.ts";
import { isNewerDocker } from "./support/docker.ts";
import { containerStatus, execSync, TestPod } from "./support/pod.ts";
import { shellConfig } from "./support/requests.ts";

const skip = isNewerDocker ? false : "the machine's Docker Engine is too old: run npm run test:docker";

/** Features of Docker Engines since 25.0 and 28.0. */
describe("a newer Docker Engine", { skip }, () => {
  let berth: TestBerth;
  let registry: TestRegistry & { readonly image: string };
  let directory: Awaited<ReturnType<typeof tempDir>>;

  before(async () => {
    directory = await tempDir();
    registry = await startBusyboxRegistry();
    const cdiDir = join(directory.path, "cdi");
    await mkdir(cdiDir);
    const device = { name: "one", containerEdits: { env: ["THING=one"] } };
    const spec = { cdiVersion: "0.6.0", kind: "berth.test/thing", devices: [device] };
    await writeFile(join(cdiDir, "thing.json"), JSON.stringify(spec));
    berth = await TestBerth.start({ engine: "docker", docker: { cdiDirs: [cdiDir] } });
    await berth.pull(registry.image);
  });

  after(async () => {
    await using _directory = directory;
    await using _registry = registry;
    await berth?.[Symbol.asyncDispose]();
  });

  /** Docker Engine 28.0 has API version 1.48. */
  const is28 = async () => ((await berth.docker?.apiMinor()) ?? 0) >= 48;

  it("mounts an image, and a directory of one, read-only", async (t) => {
    if (!(await is28())) return t.skip("Docker Engines before 28.0 have no such mounts");
    const pod = await TestPod.run(berth, "image-mounts");
    const image = { image: registry.image };
    const id = await pod.shell("main", registry.image, "exec sleep 1000", {
      mounts: [
        { containerPath: "/whole", image, readonly: true },
        { containerPath: "/part", image, imageSubPath: "bin", readonly: true },
      ],
    });
    assert.match(await execSync(berth, id, "ls", "/whole/bin"), /busybox/);
    assert.match(await execSync(berth, id, "ls", "/part"), /busybox/);
    const { exitCode } = await berth.clients.runtime.execSync({
      containerId: id,
      cmd: ["touch", "/whole/file"],
      timeout: 10n,
    });
    assert.notEqual(exitCode, 0);
  });

  it("makes a mount and what is mounted below it read-only, or the mount alone", async () => {
    const pod = await TestPod.run(berth, "read-only");
    const mount = { hostPath: directory.path, readonly: true };
    const id = await pod.shell("main", registry.image, "exec sleep 1000", {
      mounts: [
        { ...mount, containerPath: "/recursive", recursiveReadOnly: true },
        { ...mount, containerPath: "/alone" },
      ],
    });
    const { mounts } = await containerStatus(berth, id);
    assert.deepEqual(
      mounts.map(({ containerPath, recursiveReadOnly }) => [containerPath, recursiveReadOnly]),
      [
        ["/recursive", true],
        ["/alone", false],
      ],
    );
    for (const path of ["/recursive/file", "/alone/file"]) {
      const request = { containerId: id, cmd: ["touch", path], timeout: 10n };
      assert.notEqual((await berth.clients.runtime.execSync(request)).exitCode, 0);
    }
  });

  it("gives a container its CDI devices, from its configuration or by annotation", async () => {
    const pod = await TestPod.run(berth, "cdi");
    const name = "berth.test/thing=one";
    if (!(await is28())) {
      // In these versions, it must be enabled.
      const asked = pod.create(shellConfig("off", registry.image, "true", { CDIDevices: [{ name }] }));
      return await assert.rejects(asked, /UNIMPLEMENTED.*CDI_devices.*features\.cdi/);
    }
    const byField = await pod.shell("by-field", registry.image, "exec sleep 1000", {
      CDIDevices: [{ name }],
    });
    const byAnnotation = await pod.shell("by-annotation", registry.image, "exec sleep 1000", {
      annotations: { "cdi.k8s.io/test": name },
    });
    for (const id of [byField, byAnnotation])
      assert.match(await execSync(berth, id, "cat", "/proc/1/environ"), /\0THING=one\0/);
    const config = shellConfig("none", registry.image, "true", {
      CDIDevices: [{ name: "berth.test/thing=none" }],
    });
    const id = await pod.create(config);
    await assert.rejects(
      berth.clients.runtime.startContainer({ containerId: id }),
      /berth\.test\/thing=none/,
    );
  });
});
