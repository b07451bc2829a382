import assert from "node:assert/strict";
import { test } from "node:test";
import type { DockerImage, ImageSummary } from "../../parts/dockerapi/index.ts";
import { DockerImages } from "./docker-images.ts";

const pulled: DockerImage = {
  Id: `sha256:${"a".repeat(64)}`,
  RepoTags: ["example.test/one:latest"],
  RepoDigests: [],
  Size: 1,
  Architecture: "amd64",
  Os: "linux",
  Config: {},
  RootFS: { Layers: [] },
};

test("an image that is pulled while the list is requested is known, though it is missing from the list", async () => {
  const listed = Promise.withResolvers<readonly ImageSummary[]>();
  const images = new DockerImages({
    client: {
      images: () => listed.promise,
      image: async () => pulled,
      pullImage: async function* () {},
      tagImage: async () => undefined,
      removeImage: async () => undefined,
    },
    isPinned: () => false,
    progressTimeoutMs: 0,
    rootDir: async () => "/",
    requireEngine: () => undefined,
  });
  const looked = images.refresh();
  await images.pull({ reference: "example.test/one" });
  listed.resolve([]);
  await looked;
  assert.equal(images.find("example.test/one:latest")?.id, pulled.Id);
  // One that is gone is in no later list.
  await images.refresh();
  assert.equal(images.find("example.test/one:latest"), undefined);
});
