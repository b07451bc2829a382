import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
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

const tag = "example.test/one:latest";
const earlier: DockerImage = { ...pulled, Id: `sha256:${"b".repeat(64)}` };

/** Over an engine that lists, and has, what it is told to. */
function imagesOf(client: {
  readonly images: () => Promise<readonly ImageSummary[]>;
  readonly image: (idOrReference: string) => Promise<DockerImage>;
}): DockerImages {
  return new DockerImages({
    client: {
      pullImage: async function* () {},
      imagesSize: async () => undefined,
      tagImage: async () => undefined,
      removeImage: async () => undefined,
      containers: async () => [],
      ...client,
    },
    isPinned: () => false,
    progressTimeoutMs: 0,
    rootDir: async () => "/",
    requireEngine: () => undefined,
  });
}

test("an image that is pulled while the list is requested is known, though it is missing from the list", async () => {
  const listed = Promise.withResolvers<readonly ImageSummary[]>();
  const images = imagesOf({ images: () => listed.promise, image: async () => pulled });
  const looked = images.refresh();
  await images.pull({ reference: "example.test/one" });
  listed.resolve([]);
  await looked;
  assert.equal(images.find(tag)?.id, pulled.Id);
  // One that is gone is in no later list.
  await images.refresh();
  assert.equal(images.find(tag), undefined);
});

test("a tag names the image that a pull has moved it to, before and while the list is read again", async () => {
  const lists: PromiseWithResolvers<readonly ImageSummary[]>[] = [];
  const images = imagesOf({
    images: () => {
      const list = Promise.withResolvers<readonly ImageSummary[]>();
      lists.push(list);
      return list.promise;
    },
    image: async (idOrReference) => (idOrReference === earlier.Id ? earlier : pulled),
  });
  const first = images.refresh();
  lists[0]?.resolve([earlier]);
  await first;
  assert.equal(images.find(tag)?.id, earlier.Id);
  // This list was made before the pull has moved the tag.
  const second = images.refresh();
  await images.pull({ reference: "example.test/one" });
  assert.equal(images.find(tag)?.id, pulled.Id);
  lists[1]?.resolve([earlier]);
  while (lists.length < 3) await setImmediate();
  assert.equal(images.find(tag)?.id, pulled.Id);
  assert.deepEqual(images.find(earlier.Id)?.repoTags, []);
  lists[2]?.resolve([{ ...earlier, RepoTags: [] }, pulled]);
  await second;
  assert.equal(images.find(tag)?.id, pulled.Id);
});

test("a tag that somebody moves to a new image always names one of the two", async () => {
  const inspected = Promise.withResolvers<DockerImage>();
  const lists = [[earlier], [{ ...earlier, RepoTags: [] }, pulled]];
  const images = imagesOf({
    images: async () => lists.shift() ?? [],
    image: (id) => (id === earlier.Id ? Promise.resolve(earlier) : inspected.promise),
  });
  await images.refresh();
  const looked = images.refresh();
  await setImmediate();
  assert.equal(images.find(tag)?.id, earlier.Id);
  inspected.resolve(pulled);
  await looked;
  assert.equal(images.find(tag)?.id, pulled.Id);
});

test("a name that somebody gives to an image while a pull ends is known", async () => {
  const other = "example.test/other:latest";
  const named: DockerImage = { ...earlier, RepoTags: [tag, other] };
  const listed = Promise.withResolvers<readonly ImageSummary[]>();
  const third: DockerImage = {
    ...pulled,
    Id: `sha256:${"c".repeat(64)}`,
    RepoTags: ["example.test/three:latest"],
  };
  const lists = [Promise.resolve([earlier]), listed.promise];
  const images = imagesOf({
    images: async () => await (lists.shift() ?? [named, third]),
    image: async (idOrReference) => (idOrReference === earlier.Id ? earlier : third),
  });
  await images.refresh();
  const looked = images.refresh();
  await images.pull({ reference: "example.test/three" });
  listed.resolve([named, third]);
  await looked;
  assert.equal(images.find(other)?.id, earlier.Id);
});
