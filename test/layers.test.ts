import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import { NamespaceMode } from "../src/ground/protocol/index.ts";
import { pushImage } from "../src/testing/registry.ts";
import { busyboxImage } from "./support/busybox.ts";
import { execSync, TestPod } from "./support/pod.ts";
import { withBerth } from "./support/with-berth.ts";

const count = 250;
const ids = [{ containerId: 0, hostId: 300_000, length: 65_536 }];
const usernsOptions = { mode: NamespaceMode.POD, uids: ids, gids: ids };
const { POD, CONTAINER } = NamespaceMode;
const mapped = {
  linux: {
    securityContext: { namespaceOptions: { network: POD, pid: CONTAINER, ipc: POD, usernsOptions } },
  },
};

describe(`an image of ${count} layers`, () => {
  const host = withBerth();
  let image: string;

  before(async () => {
    const layers = Array.from({ length: count }, (_, index) => [
      { name: "top", content: `${index}\n` },
      { name: `layer-${index}`, content: "" },
    ]);
    await pushImage(host.registry, "layers", "latest", await busyboxImage({ layers }));
    image = `${host.registry.host}/layers:latest`;
    await host.berth.pull(image);
  });

  for (const [pods, name, settings] of [
    ["a pod", "plain", {}],
    ["a pod with a user namespace", "mapped", mapped],
  ] as const) {
    it(`has in ${pods} the files of all of them, including the bottom one's`, async () => {
      const pod = await TestPod.run(host.berth, `${name}-layers`, settings);
      const id = await pod.shell("all", image, "exec sleep 1000", settings);
      assert.equal(await execSync(host.berth, id, "cat", "/top"), `${count - 1}\n`);
      assert.equal(await execSync(host.berth, id, "sh", "-c", "ls /layer-* | wc -l"), `${count}\n`);
    });

    it(`has in ${pods} a mount table that names the snapshots, like an image with few layers`, async () => {
      const pod = await TestPod.run(host.berth, `${name}-table`, settings);
      for (const [few, reference] of [image, host.image].entries()) {
        const id = await pod.shell(`table-${few}`, reference, "exec sleep 1000", settings);
        const table = await execSync(host.berth, id, "grep", " / overlay ", "/proc/self/mounts");
        assert.match(table, /lowerdir=\S*\b\d+\/fs[:,]/);
        assert.doesNotMatch(table, /\/proc\//);
      }
    });
  }
});
