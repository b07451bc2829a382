/** A kubelet's garbage collection: exited containers, old logs and unused images. */
import assert from "node:assert/strict";
import { readdir, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { describe, it } from "node:test";
import { ignoreMissing } from "../../src/ground/fs/index.ts";
import { pushImage } from "../../src/testing/registry.ts";
import { busyboxImage } from "../support/busybox.ts";
import { containerIdOf, nodeName, type Pod, restartsOf } from "../support/kubelet.ts";
import { withKubelet } from "../support/with-kubelet.ts";

const idle = "trap 'exit 0' TERM; while true; do sleep 0.1; done";

describe("a kubelet", () => {
  const settings = {
    containerLogMaxSize: "20Ki",
    containerLogMaxFiles: 3,
    containerLogMonitorInterval: "3s",
    imageMinimumGCAge: "1s",
  };
  const host = withKubelet(settings, { config: '[images]\npinned = ["*/pinned:latest"]' });

  it("keeps one exited instance of a container", async () => {
    const work = { volumeMounts: [{ name: "work", mountPath: "/work" }] };
    await host.kubelet.apply("lives", {
      spec: {
        volumes: [{ name: "work", emptyDir: {} }],
        containers: [host.shell("main", "sleep 0.5; exit 1", work)],
      },
    });
    await host.kubelet.podThat("lives", "has had some", (pod) => restartsOf(pod, "main") >= 4);
    await host.kubelet.until("the runtime has few of them", async () => {
      const labelSelector = { "io.kubernetes.pod.name": `lives-${nodeName}` };
      const { containers } = await host.berth.clients.runtime.listContainers({
        filter: { id: "", podSandboxId: "", state: undefined, labelSelector },
      });
      return containers.length <= 2;
    });
    await host.kubelet.remove("lives");
  });

  it("rotates a large log, and the container continues in the new one", async () => {
    const line = "x".repeat(100);
    const pod = await host.kubelet.run("chatty", {
      spec: {
        containers: [
          host.shell("main", `${"trap 'exit 0' TERM"}; while true; do echo ${line}; sleep 0.02; done`),
        ],
      },
    });
    const { status } = await host.berth.clients.runtime.containerStatus({
      containerId: containerIdOf(pod, "main"),
      verbose: false,
    });
    const path = status?.logPath ?? "";
    await host.kubelet.until("there are old logs", async () => {
      const files = await readdir(dirname(path));
      return files.length === 3 && files.some((name) => name.endsWith(".gz"));
    });
    // Between the kubelet's renaming of the old log and its ReopenContainerLog, there is none.
    const size = async () => (await stat(path).catch(ignoreMissing))?.size;
    const before = await size();
    await host.kubelet.until("the new one grows or was changed", async () => {
      const now = await size();
      return now !== undefined && now !== before;
    });
    await host.kubelet.until("the kubelet shows its last line", async () => {
      const { body } = await host.kubelet.ask(`/containerLogs/default/chatty-${nodeName}/main?tailLines=1`);
      return body === `${line}\n`;
    });
    await host.kubelet.podThat("chatty", "runs as before", (now) => sameContainer(now, pod));
    await host.kubelet.remove("chatty");
  });

  it("removes unused images when the disk is full, and keeps those that are used or pinned", async () => {
    const { registry, berth } = host;
    for (const name of ["unused", "pinned"]) {
      await pushImage(
        registry,
        name,
        "latest",
        await busyboxImage({ layers: [[{ name: "mark", content: name }]] }),
      );
    }
    // It has the priority of pods that are critical for the node, which stay when the disk is full.
    const pod = await host.kubelet.run("user", {
      spec: { priority: 2_000_001_000, containers: [host.shell("main", idle)] },
    });
    for (const name of ["unused", "pinned"]) await berth.pull(`${registry.host}/${name}:latest`);
    await host.kubelet.stop();
    // With this threshold, the disk is always full.
    await host.kubelet.startProcess({ evictionHard: { "imagefs.available": "99%" } });
    const images = await host.kubelet.until("the unused image is gone", async () => {
      const { images } = await berth.clients.images.listImages({ filter: undefined });
      // Docker's sandboxes have an image, which must stay as well.
      const tags = images
        .flatMap(({ repoTags }) => repoTags)
        .filter((tag) => !tag.startsWith("docker.io/berth/pause:"));
      return !tags.includes(`${registry.host}/unused:latest`) && tags;
    });
    assert.deepEqual(images.toSorted(), [host.image, `${registry.host}/pinned:latest`].toSorted());
    await host.kubelet.podThat("user", "runs as before", (now) => sameContainer(now, pod));
    await host.kubelet.remove("user");
  });
});

function sameContainer(one: Pod, other: Pod): boolean {
  return containerIdOf(one, "main") === containerIdOf(other, "main");
}
