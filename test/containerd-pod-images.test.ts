/** Images for pods from clients of containerd, and CRI's images as these clients see them. */
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import { status } from "@grpc/grpc-js";
import { containerd, ImageSpec } from "../src/ground/protocol/index.ts";
import { ContainerdClients } from "./support/containerd.ts";
import { TestPod } from "./support/pod.ts";
import { imageStore } from "./support/transfers.ts";
import { withBerth } from "./support/with-berth.ts";

describe("images of CRI in containerd's API", () => {
  const host = withBerth();
  let clients: ContainerdClients;
  before(() => {
    clients = new ContainerdClients(host.berth.socket);
  });
  after(() => clients?.[Symbol.dispose]());
  beforeEach(() => host.berth.pull(host.image));

  const own = () => clients.in("k8s.io");
  const target = async () => (await own().images.get({ name: host.image })).image?.target;
  const give = async (...names: readonly string[]) => {
    for (const name of names)
      await own().images.create({
        image: containerd.imagesV1.Image.fromPartial({ name, target: await target() }),
        sourceDateEpoch: undefined,
      });
  };
  const shown = async () => {
    const { images } = await host.berth.clients.images.listImages({ filter: undefined });
    return images.flatMap(({ repoTags, repoDigests }) => [...repoTags, ...repoDigests]).sort();
  };
  const statusOf = async (name: string) =>
    (
      await host.berth.clients.images.imageStatus({
        image: ImageSpec.fromPartial({ image: name }),
        verbose: false,
      })
    ).image;

  test("a kubelet finds one that another client gave a short name", async () => {
    const { digest = "" } = (await target()) ?? {};
    const before = await shown();
    await give("short:1", "short", `import-2026@${digest}`);
    const full = ["short:1", "short:latest", `import-2026@${digest}`].map(
      (name) => `docker.io/library/${name}`,
    );
    assert.deepEqual(await shown(), [...before, ...full].sort());
    const pod = await TestPod.run(host.berth, "short");
    for (const name of ["short:1", "short", ...full]) {
      const { id = "", repoTags = [] } = (await statusOf(name)) ?? {};
      assert.ok(repoTags.includes("docker.io/library/short:1"), name);
      assert.equal(await pod.output(`runs-${full.indexOf(name)}-${name.length}`, id, "echo ran"), "ran\n");
    }
    await host.berth.clients.images.removeImage({
      image: ImageSpec.fromPartial({ image: "docker.io/library/short:1" }),
    });
    assert.deepEqual(await shown(), []);
    assert.deepEqual((await own().images.list({ filters: [] })).images, []);
  });

  test("one whose full name belongs to another keeps its own", async () => {
    await give("twice:1", "docker.io/library/twice:1");
    assert.deepEqual(
      (await shown()).filter((name) => name.includes("twice")),
      ["docker.io/library/twice:1", "twice:1"],
    );
    await own().images.delete({ name: "docker.io/library/twice:1", sync: false, target: undefined });
    assert.ok((await shown()).includes("docker.io/library/twice:1"));
    await own().images.delete({ name: "twice:1", sync: false, target: undefined });
  });

  test("all have containerd's label, and are also found by their ids", async () => {
    const { image } = await own().images.get({ name: host.image });
    assert.equal(image?.labels["io.cri-containerd.image"], "managed");
    const filters = [`name==${host.image},labels."io.cri-containerd.image"==managed`];
    assert.equal((await own().images.list({ filters })).images.length, 1);
    const { id = "" } = (await statusOf(host.image)) ?? {};
    const byId = await own().images.get({ name: id });
    assert.deepEqual([byId.image?.name, byId.image?.target], [id, image?.target]);
    const tag = imageStore({ name: "example.test/by-id:1" });
    await own().transfer.transfer({
      source: imageStore({ name: id }),
      destination: tag,
      options: undefined,
    });
    assert.ok((await shown()).includes("example.test/by-id:1"));
    // As nerdctl finds an image to inspect or to remove.
    const byFilter = await own().images.list({ filters: ["name==absent", `name==${id}`] });
    assert.deepEqual(
      byFilter.images.map(({ name, target }) => [name, target?.digest]),
      [[id, image?.target?.digest]],
    );
    const absent = id.replace(/:.*/, `:${"0".repeat(64)}`);
    await assert.rejects(own().images.get({ name: absent }), { code: status.NOT_FOUND });
    // Only there are ids also names.
    await assert.rejects(clients.in("other").images.get({ name: id }), { code: status.NOT_FOUND });

    // As in containerd, where an id is one name of several.
    const names = await shown();
    await own().images.delete({ name: id, sync: true, target: undefined });
    assert.deepEqual(await shown(), names);
    const other = containerd.types.Descriptor.fromPartial({ digest: absent });
    await assert.rejects(own().images.delete({ name: id, sync: true, target: other }), {
      code: status.NOT_FOUND,
    });
  });
});
