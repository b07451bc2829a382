import assert from "node:assert/strict";
import { test } from "node:test";
import { HostPaths } from "../../../ground/hostpaths/index.ts";
import { ContainerConfig, PodSandboxConfig } from "../../../ground/protocol/index.ts";
import { openStack } from "../../../services/images/testing/stack.ts";
import { imageOf } from "../../../testing/images.ts";
import { until } from "../../../testing/until.ts";
import type { SandboxRecord } from "../records/records.ts";
import type { PodServices } from "../services.ts";
import { draftContainer } from "./container-draft.ts";

test("the images of a container that is being created outlive the removal of their names", async () => {
  await using stack = await openStack();
  const { images, imageNames, content } = stack;
  const names = ["registry.example/app:v1", "registry.example/data:v1"] as const;
  for (const name of names) {
    const image = await imageOf({ layers: [[{ name: "hello", content: name }]] });
    for (const [digest, { bytes }] of image.blobs) await content.put(bytes, { digest });
    await imageNames.create({ name, target: image.target });
    await until(() => images.find(name) !== undefined);
  }
  const [app, data] = names.map((name) => images.find(name)?.id);
  const config = ContainerConfig.fromPartial({
    metadata: { name: "app" },
    image: { image: names[0] },
    mounts: [{ containerPath: "/data", image: { image: names[1] } }],
  });
  const holds = new DisposableStack();
  const draft = await draftContainer(sandbox(), config, undefined, services(images), holds);
  for (const name of names) await images.remove(name);
  await images.collectGarbage();
  assert.deepEqual([draft.imageId, draft.imageVolumes?.[0]?.imageId], [app, data]);
  for (const id of [app, data]) await stack.inRootfs(images.find(id ?? "") ?? assert.fail(), async () => {});
  holds.dispose();
  assert.deepEqual([images.find(app ?? ""), images.find(data ?? "")], [undefined, undefined]);
});

/** Nothing else is read of it. */
function sandbox(): SandboxRecord {
  const config = PodSandboxConfig.fromPartial({ logDirectory: "/log" });
  return { id: "sandbox", config, resolvedHandler: "crun" } as SandboxRecord;
}

/** What drafts need. */
function services(images: PodServices["images"]): PodServices {
  const declaredVolumes: Pick<PodServices["declaredVolumes"], "of"> = { of: () => ({}) };
  const host: Partial<PodServices["host"]> = {};
  return { images, declaredVolumes, host, hostPaths: new HostPaths() } as PodServices;
}
