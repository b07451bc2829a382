import assert from "node:assert/strict";
import { access, mkdir, rm, rmdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import type { ClientReadableStream } from "@grpc/grpc-js";
import {
  type ContainerFilter,
  ContainerState,
  ImageSpec,
  ListContainersRequest,
  ListImagesRequest,
  ListPodSandboxRequest,
  NamespaceMode,
  type PodSandboxFilter,
  PodSandboxState,
  SecurityProfile_ProfileType,
  StreamContainersRequest,
  StreamImagesRequest,
  StreamPodSandboxesRequest,
} from "../src/ground/protocol/index.ts";
import { pushImage } from "../src/testing/registry.ts";
import { busyboxImage } from "./support/busybox.ts";
import { exited, TestPod } from "./support/pod.ts";
import { shellConfig } from "./support/requests.ts";
import { verboseInfo, verboseSandboxInfo } from "./support/verbose.ts";
import { withBerth } from "./support/with-berth.ts";

const sleeping = "exec sleep 1000";

/** All items of a stream's messages. */
async function streamed<Message, Item>(
  stream: ClientReadableStream<Message>,
  itemsOf: (message: Message) => readonly Item[],
): Promise<readonly Item[]> {
  const items: Item[] = [];
  for await (const message of stream) items.push(...itemsOf(message));
  return items;
}

describe("lists", () => {
  const host = withBerth();

  it("of pods and containers support every filter, alone and combined, and so do their streams", async () => {
    const { runtime, rawRuntime } = host.berth.clients;
    const web = await TestPod.run(host.berth, "list-web", { labels: { app: "web", tier: "front" } });
    const data = await TestPod.run(host.berth, "list-data", { labels: { app: "data", tier: "back" } });
    const old = await TestPod.run(host.berth, "list-old", { labels: { app: "web", tier: "back" } });
    await runtime.stopPodSandbox({ podSandboxId: old.id });
    const labelled = (role: string) => ({ labels: { role } });
    const running = await web.shell("running", host.image, sleeping, labelled("main"));
    const ended = await web.shell("ended", host.image, "exit 0", labelled("job"));
    await exited(host.berth, ended);
    const created = await data.create(shellConfig("created", host.image, sleeping, labelled("main")));

    const pods = async (filter: Partial<PodSandboxFilter>, ...wanted: readonly TestPod[]) => {
      const request = ListPodSandboxRequest.fromPartial({ filter });
      const { items } = await runtime.listPodSandbox(request);
      const stream = rawRuntime.streamPodSandboxes(StreamPodSandboxesRequest.fromPartial({ filter }));
      const parts = await streamed(stream, ({ podSandboxes }) => podSandboxes);
      const ids = wanted.map(({ id }) => id).sort();
      assert.deepEqual(items.map(({ id }) => id).sort(), ids, JSON.stringify(filter));
      assert.deepEqual(parts.map(({ id }) => id).sort(), ids, `stream of ${JSON.stringify(filter)}`);
    };
    await pods({}, web, data, old);
    await pods({ id: web.id }, web);
    await pods({ id: web.id.slice(0, 20) }, web);
    await pods({ id: "f".repeat(64) });
    await pods({ state: { state: PodSandboxState.SANDBOX_READY } }, web, data);
    await pods({ state: { state: PodSandboxState.SANDBOX_NOTREADY } }, old);
    await pods({ labelSelector: { app: "web" } }, web, old);
    await pods({ labelSelector: { app: "web", tier: "front" } }, web);
    await pods({ labelSelector: { app: "web", tier: "none" } });
    await pods({ id: old.id, state: { state: PodSandboxState.SANDBOX_READY } });

    const containers = async (filter: Partial<ContainerFilter>, ...wanted: readonly string[]) => {
      const { containers } = await runtime.listContainers(ListContainersRequest.fromPartial({ filter }));
      const stream = rawRuntime.streamContainers(StreamContainersRequest.fromPartial({ filter }));
      const parts = await streamed(stream, ({ containers }) => containers);
      assert.deepEqual(containers.map(({ id }) => id).sort(), wanted.toSorted(), JSON.stringify(filter));
      assert.deepEqual(
        parts.map(({ id }) => id).sort(),
        wanted.toSorted(),
        `stream of ${JSON.stringify(filter)}`,
      );
    };
    await containers({}, running, ended, created);
    await containers({ id: running }, running);
    await containers({ id: running.slice(0, 20) }, running);
    await containers({ podSandboxId: web.id }, running, ended);
    await containers({ podSandboxId: old.id });
    await containers({ state: { state: ContainerState.CONTAINER_RUNNING } }, running);
    await containers({ state: { state: ContainerState.CONTAINER_EXITED } }, ended);
    await containers({ state: { state: ContainerState.CONTAINER_CREATED } }, created);
    await containers({ state: { state: ContainerState.CONTAINER_UNKNOWN } });
    await containers({ labelSelector: { role: "main" } }, running, created);
    await containers({ labelSelector: { role: "main" }, podSandboxId: data.id }, created);
    await containers({ id: running, podSandboxId: data.id });
  });

  it("of images find one by each of its names, and so do their streams", async () => {
    const { images, rawImages } = host.berth.clients;
    const other = `${host.registry.host}/other:1`;
    await pushImage(host.registry, "other", "1", await busyboxImage({ config: { User: "1000" } }));
    const otherId = await host.berth.pull(other);
    const id = await host.berth.pull(host.image);
    const found = async (image: string, ...wanted: readonly string[]) => {
      const filter = { image: { image } };
      const { images: listed } = await images.listImages(ListImagesRequest.fromPartial({ filter }));
      const stream = rawImages.streamImages(StreamImagesRequest.fromPartial({ filter }));
      const parts = await streamed(stream, ({ images }) => images);
      assert.deepEqual(listed.map((one) => one.id).sort(), wanted.toSorted(), image);
      assert.deepEqual(parts.map((one) => one.id).sort(), wanted.toSorted(), `stream of ${image}`);
      return listed;
    };
    await found("", id, otherId);
    await found(other, otherId);
    await found(host.image, id);
    await found(host.image.replace(":latest", ""), id);
    await found("no.such/image:1");
    const [image] = await found(id, id);
    await found(image?.repoDigests[0] ?? assert.fail(), id);
    await found(id.replace("sha256:", "").slice(0, 12), id);
  });
});

describe("verbose answers", () => {
  const host = withBerth();

  it("have what people need to debug a node", async () => {
    const { runtime } = host.berth.clients;
    const { info } = await runtime.status({ verbose: true });
    assert.equal(JSON.parse(info.config ?? "").state, host.berth.state);
    assert.equal(info.lastCNILoadStatus, '"OK"');
    const pod = await TestPod.run(host.berth, "verbose");
    const id = await pod.shell("main", host.image, sleeping);
    const container = await verboseInfo(host.berth, id);
    assert.ok(container.pid > 0);
    assert.deepEqual(container.runtimeSpec.process.args, ["/bin/sh", "-c", sleeping]);
    assert.equal(container.sandboxID, pod.id);
    assert.match(JSON.stringify(container.snapshotMounts), /upperdir=/);
    const sandbox = await verboseSandboxInfo(host.berth, pod.id);
    assert.equal(sandbox.pid, container.pid);
    assert.match(
      sandbox.runtimeSpec.linux.namespaces.map(({ type }: { type: string }) => type).join(),
      /network/,
    );
    const [network] = sandbox.cniResult;
    assert.equal(network.interface, "eth0");
    assert.equal(network.result.ips[0].address.split("/")[0], await pod.ip());
    assert.equal(sandbox.config.metadata.name, "verbose");
  });

  it("have a container's OCI specification before it runs, while it runs and after its exit", async () => {
    const { runtime } = host.berth.clients;
    const pod = await TestPod.run(host.berth, "specs");
    const source = join(host.berth.directory, "volume");
    await mkdir(source);
    const containerId = await pod.create(
      shellConfig("main", host.image, sleeping, {
        mounts: [{ hostPath: source, containerPath: "/data" }],
        linux: { securityContext: { runAsUser: { value: 1000n } } },
      }),
    );
    const spec = async () => (await verboseInfo(host.berth, containerId)).runtimeSpec;
    const before = await spec();
    assert.equal(before.process.user.uid, 1000);
    assert.ok(before.mounts.some((mount: { readonly source: string }) => mount.source === source));
    await runtime.startContainer({ containerId });
    assert.deepEqual(await spec(), before);
    await runtime.stopContainer({ containerId, timeout: 0n });
    assert.deepEqual(await spec(), before);
    await rmdir(source);
    await runtime.stopPodSandbox({ podSandboxId: pod.id });
    assert.deepEqual(await spec(), before, "it is told of what is not there any more");
    await assert.rejects(access(source), { code: "ENOENT" }, "and nothing was made to tell it");
  });

  it("describe a container that joined another's processes even after both have exited and their image was removed", async () => {
    const { runtime, images } = host.berth.clients;
    const pod = await TestPod.run(host.berth, "joined");
    const targetId = await pod.shell("target", host.image, sleeping);
    const namespaceOptions = { pid: NamespaceMode.TARGET, targetId };
    const id = await pod.shell("debugger", host.image, sleeping, {
      linux: { securityContext: { namespaceOptions } },
    });
    await runtime.stopPodSandbox({ podSandboxId: pod.id });
    await images.removeImage({ image: ImageSpec.fromPartial({ image: host.image }) });
    const { runtimeSpec } = await verboseInfo(host.berth, id);
    await host.berth.pull(host.image);
    assert.deepEqual(
      runtimeSpec.linux.namespaces.filter(({ type }: { readonly type: string }) => type === "pid"),
      [{ type: "pid", path: "/proc/0/ns/pid" }],
    );
  });

  it("say why a container's specification is not available, and contain everything else", async () => {
    const pod = await TestPod.run(host.berth, "untold");
    const localhostRef = join(host.berth.directory, "profile.json");
    await writeFile(localhostRef, '{"defaultAction":"SCMP_ACT_ALLOW"}');
    const seccomp = { profileType: SecurityProfile_ProfileType.Localhost, localhostRef };
    const id = await pod.create(
      shellConfig("main", host.image, sleeping, { linux: { securityContext: { seccomp } } }),
    );
    await rm(localhostRef);
    const { runtimeSpecError, snapshotKey } = await verboseInfo(host.berth, id);
    assert.match(runtimeSpecError, /profile\.json/);
    assert.equal(snapshotKey, id);
  });
});
