import assert from "node:assert/strict";
import { test } from "node:test";
import { type ContainerDetails, DockerError, type DockerImage } from "../../parts/dockerapi/index.ts";
import { isOurs } from "./ours.ts";

const labels = { "berth.kind": "container", "berth.name": "given" };

/** What an engine has beside the container: labels of its image, and of the one that has the name. */
type Beside = { readonly image?: object | undefined; readonly named?: object | undefined };

const ours = (name: string, { image, named }: Beside) =>
  isOurs(
    {
      image: async () => {
        if (image === undefined) throw new DockerError("NotFound", "no such image");
        return { Config: { Labels: image } } as DockerImage;
      },
      container: async () => {
        if (named === undefined) throw new DockerError("NotFound", "no such container");
        return { Config: { Labels: named } } as ContainerDetails;
      },
    },
    { name: "given", names: [`/${name}`, "/other/alias"], imageId: "image" },
  );

test("a container that has the name in its labels is ours, whatever its image is", async () => {
  assert.equal(await ours("given", { image: labels }), true);
  assert.equal(await ours("given", {}), true);
});

test("a container that was renamed is ours, also if another one without our labels has its name", async () => {
  assert.equal(await ours("renamed", { image: {} }), true);
  assert.equal(await ours("renamed", { image: {}, named: {} }), true);
});

test("a container is not ours if its labels are its image's, or those of the one that has the name", async () => {
  assert.equal(await ours("another", { image: labels }), false);
  assert.equal(await ours("another", { image: undefined }), false);
  assert.equal(await ours("another", { image: {}, named: labels }), false);
});
