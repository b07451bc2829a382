import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Mount } from "../src/ground/protocol/index.ts";
import { filesArtifact } from "../src/testing/artifacts.ts";
import { pushImage } from "../src/testing/registry.ts";
import { busyboxImage, startBusyboxRegistry } from "./support/busybox.ts";
import { CrashingBerth } from "./support/crashing-berth.ts";
import { containerStatus, execSync, TestPod } from "./support/pod.ts";
import { shellConfig } from "./support/requests.ts";
import { withBerth } from "./support/with-berth.ts";

/** An image's files, with links that would lead out of it if they were followed. */
const content = [
  { name: "models", type: "directory", mode: 0o755 },
  { name: "models/small", content: "weights" },
  { name: "latest", type: "symlink", linkname: "models" },
  { name: "absolute", type: "symlink", linkname: "/models" },
  { name: "out", type: "symlink", linkname: "../../../../../../../../etc" },
  { name: "root", type: "symlink", linkname: "/" },
  { name: "process", type: "symlink", linkname: "/proc/self/root/etc" },
  { name: "etc/mark", content: "the image's own" },
] as const;

const wholeImage = (image: string): Partial<Mount> => ({
  containerPath: "/volume",
  image: { image, userSpecifiedImage: "", annotations: {}, runtimeHandler: "", imageRef: "" },
  readonly: true,
});

describe("an image as a volume", () => {
  const host = withBerth();
  let image = "";
  let imageId = "";
  let pods = 0;
  before(async () => {
    await pushImage(host.registry, "data", "latest", await busyboxImage({ layers: [content] }));
    image = `${host.registry.host}/data:latest`;
    imageId = await host.berth.pull(image);
  });

  async function containerWith(changes: Partial<Mount>): Promise<string> {
    const pod = await TestPod.run(host.berth, `image-volumes-${++pods}`);
    return pod.shell("main", host.image, "exec sleep 1000", {
      mounts: [{ ...wholeImage(image), ...changes }],
    });
  }

  it("shows the image's files, whose programs can be run, and is read-only", async () => {
    const id = await containerWith({});
    assert.equal(await execSync(host.berth, id, "cat", "/volume/models/small"), "weights");
    assert.equal(await execSync(host.berth, id, "/volume/bin/echo", "runs"), "runs\n");
    for (const script of ["touch /volume/new", "rm /volume/models/small", "chmod 777 /volume/models"])
      await assert.rejects(execSync(host.berth, id, "sh", "-c", script), { message: /Read-only/ });
    const options = ["noexec", "nosuid"];
    const strict = await containerWith({ mountOptions: options });
    await assert.rejects(execSync(host.berth, strict, "/volume/bin/echo"), { message: /denied/ });
  });

  it("is shown with the image's id in the container's status", async () => {
    const { mounts } = await containerStatus(host.berth, await containerWith({}));
    assert.deepEqual(
      mounts.map((mount) => [mount.containerPath, mount.image?.image, mount.image?.imageRef]),
      [["/volume", image, imageId]],
    );
  });

  it("can be a directory or a file of the image", async () => {
    const directory = await containerWith({ imageSubPath: "models" });
    assert.equal(await execSync(host.berth, directory, "ls", "/volume"), "small\n");
    const file = await containerWith({ imageSubPath: "models/small" });
    assert.equal(await execSync(host.berth, file, "cat", "/volume"), "weights");
  });

  it("has sub-paths whose links lead only into the image", async () => {
    const listOf = async (imageSubPath: string): Promise<string> =>
      execSync(host.berth, await containerWith({ imageSubPath }), "ls", "/volume");
    assert.equal(await listOf("latest"), "small\n");
    assert.equal(await listOf("absolute"), "small\n");
    assert.match(await listOf("out"), /^mark$/m);
    assert.match(await listOf("root/root/out"), /^mark$/m);
    await assert.rejects(containerWith({ imageSubPath: "process" }), { message: /ImageVolumeMountFailed/ });
  });

  it("that does not exist, or lacks the sub-path, fails with the messages that kubelets know", async () => {
    const absent = wholeImage("berth.invalid/no/such:image");
    await assert.rejects(containerWith(absent), {
      details: /^ImageVolumeMountFailed: mount \/volume: image berth\.invalid\/no\/such:image not found/,
    });
    await assert.rejects(containerWith({ imageSubPath: "models/none" }), {
      details: /^ImageVolumeMountFailed: mount \/volume: sub-path "models\/none" does not exist/,
    });
  });
});

describe("a mounted image", () => {
  const host = withBerth({ config: '[images]\ngc_delay = "1ms"' });

  it("cannot be removed before its container", async () => {
    const { berth, registry } = host;
    const { images, runtime } = berth.clients;
    await pushImage(registry, "data", "latest", await busyboxImage({ layers: [content] }));
    const name = `${registry.host}/data:latest`;
    await berth.pull(name);
    const pod = await TestPod.run(berth, "in-use");
    const id = await pod.shell("main", host.image, "exec sleep 1000", { mounts: [wholeImage(name)] });
    const image = { image: name, userSpecifiedImage: "", annotations: {}, runtimeHandler: "", imageRef: "" };
    await assert.rejects(images.removeImage({ image }), {
      details: new RegExp(`container ${id} mounts it`),
    });
    assert.equal(await execSync(berth, id, "cat", "/volume/models/small"), "weights");
    await runtime.removeContainer({ containerId: id });
    await images.removeImage({ image });
    assert.equal((await images.imageStatus({ image, verbose: false })).image, undefined);
  });
});

describe("an artifact as a volume", () => {
  const host = withBerth({ config: '[images]\ngc_delay = "1ms"' });
  const specOf = (image: string) => ({
    image: { image, userSpecifiedImage: "", annotations: {}, runtimeHandler: "", imageRef: "" },
  });
  let reference = "";
  let artifactId = "";
  before(async () => {
    const artifact = filesArtifact({ "models/small": "weights", "README.md": "text" });
    await pushImage(host.registry, "files", "1", artifact);
    reference = `${host.registry.host}/files:1`;
    artifactId = await host.berth.pull(reference);
    assert.equal(artifactId, artifact.target.digest);
  });

  it("shows its files to a container by their titles, read-only", async () => {
    const pod = await TestPod.run(host.berth, "artifact");
    const file = { ...wholeImage(artifactId), containerPath: "/file", imageSubPath: "models/small" };
    const id = await pod.shell("main", host.image, "exec sleep 1000", {
      mounts: [wholeImage(reference), file],
      linux: { securityContext: { runAsUser: { value: 1000n } } },
    });
    assert.equal(await execSync(host.berth, id, "cat", "/volume/models/small"), "weights");
    assert.equal(await execSync(host.berth, id, "cat", "/file"), "weights");
    assert.equal(await execSync(host.berth, id, "ls", "/volume"), "README.md\nmodels\n");
    await assert.rejects(execSync(host.berth, id, "touch", "/volume/new"), { message: /Read-only|denied/ });
    const status = await containerStatus(host.berth, id);
    assert.deepEqual(
      status.mounts.map(({ image }) => image?.imageRef),
      [artifactId, artifactId],
    );
    const { images, runtime } = host.berth.clients;
    await assert.rejects(images.removeImage(specOf(reference)), { details: new RegExp(`${id} mounts it`) });
    await runtime.removeContainer({ containerId: id });
  });

  it("is listed with images, but no container can be created from it", async () => {
    const { images } = host.berth.clients;
    const { image } = await images.imageStatus({ ...specOf(reference), verbose: false });
    assert.deepEqual([image?.id, image?.repoTags], [artifactId, [reference]]);
    const pod = await TestPod.run(host.berth, "artifact-container");
    await assert.rejects(pod.create(shellConfig("main", reference, "exec sleep 1000")), {
      details: /files:1 is not a container image but an artifact of type "application\/vnd\.example\.files"/,
    });
  });
});

describe("a daemon that ends while an image is a volume", () => {
  let undo = new AsyncDisposableStack();
  let host: CrashingBerth;
  let image = "";
  let clean: readonly string[] = [];
  before(async () => {
    await using made = new AsyncDisposableStack();
    const registry = made.use(await startBusyboxRegistry());
    host = made.use(await CrashingBerth.start());
    image = registry.image;
    await host.berth.pull(image);
    undo = made.move();
  });
  after(() => undo.disposeAsync());

  const linux = () => ({ linux: { cgroupParent: host.cgroupParent } });
  const config = () => shellConfig("main", image, "exec sleep 1000", { mounts: [wholeImage(image)] });

  for (const step of ["container-image-volumes", "container-spec", "container-commit"]) {
    it(`before ${step} leaves nothing, and the retry has the volume`, async () => {
      const pod = await TestPod.run(host.berth, step, linux());
      clean = await host.traces();
      await host.cutAt(step, () => pod.create(config()));
      await host.berth.startDaemon();
      await host.returnsTo(clean);
      const containerId = await pod.create(config());
      await host.berth.clients.runtime.startContainer({ containerId });
      assert.match(await execSync(host.berth, containerId, "ls", "/volume"), /^bin$/m);
      await host.berth.clients.runtime.removeContainer({ containerId });
      await host.returnsTo(clean);
    });
  }

  for (const step of ["undo container-image-volumes", "undo container-rootfs"]) {
    it(`before ${step} removes the container when the client asks again`, async () => {
      const pod = await TestPod.run(host.berth, step.replaceAll(" ", "-"), linux());
      clean = await host.traces();
      const containerId = await pod.create(config());
      await host.berth.clients.runtime.startContainer({ containerId });
      await host.cutAt(step, () => host.berth.clients.runtime.removeContainer({ containerId }));
      await host.berth.startDaemon();
      await host.berth.clients.runtime.removeContainer({ containerId });
      await host.returnsTo(clean);
    });
  }

  it("finds the volume again, and still keeps the image", async () => {
    const pod = await TestPod.run(host.berth, "restarted", linux());
    clean = await host.traces();
    const containerId = await pod.create(config());
    await host.berth.restartDaemon("SIGKILL");
    const { runtime, images } = host.berth.clients;
    await runtime.startContainer({ containerId });
    assert.match(await execSync(host.berth, containerId, "ls", "/volume"), /^bin$/m);
    const spec = { image, userSpecifiedImage: "", annotations: {}, runtimeHandler: "", imageRef: "" };
    await assert.rejects(images.removeImage({ image: spec }), { details: /mounts it as a volume/ });
    await runtime.removeContainer({ containerId });
    await host.returnsTo(clean);
  });
});
