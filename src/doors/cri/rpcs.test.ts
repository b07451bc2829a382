import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { status } from "@grpc/grpc-js";
import { BerthError, type ErrorCode } from "../../ground/errors/index.ts";
import {
  AuthConfig,
  CgroupDriver,
  type ContainerEventResponse,
  ContainerEventType,
  ContainerState,
  PodSandboxState,
  PullImageRequest,
  PullSecurityProfileRequest,
  SecurityProfileKind,
} from "../../ground/protocol/index.ts";
import {
  container,
  containerConfig,
  id,
  image,
  imageId,
  podSandboxConfig,
  sandbox,
} from "./testing/samples.ts";
import { refusal, serve } from "./testing/serve.ts";

const everything = { filter: undefined };

test("Version tells the engine's name and version, and v1", async () => {
  await using cri = await serve();
  assert.deepEqual(await cri.runtime.version({ version: "0.1.0" }), {
    version: "0.1.0",
    runtimeName: "memory",
    runtimeVersion: "1.2.3",
    runtimeApiVersion: "v1",
  });
});

test("Status tells conditions and handlers, and details only when verbose", async () => {
  await using cri = await serve();
  const brief = await cri.runtime.status({ verbose: false });
  assert.deepEqual(
    brief.status?.conditions.map(({ type, status, reason }) => [type, status, reason]),
    [
      ["RuntimeReady", true, ""],
      ["NetworkReady", false, "NetworkPluginNotReady"],
    ],
  );
  assert.deepEqual(brief.runtimeHandlers, [
    { name: "", features: { recursiveReadOnlyMounts: true, userNamespaces: false, cgroupNamespaces: true } },
  ]);
  assert.equal(brief.features?.cgroupMountMode, true);
  assert.deepEqual(brief.info, {});
  assert.deepEqual((await cri.runtime.status({ verbose: true })).info, {
    config: '{"root":"/var/lib/berth"}',
  });
});

test("a security profile is pulled by its digest, listed and removed", async () => {
  await using cri = await serve();
  const pinned = `registry.example/profile@sha256:${"ab".repeat(32)}`;
  const pull = (reference: string, profileKind: number = SecurityProfileKind.Seccomp) =>
    cri.images.pullSecurityProfile(
      PullSecurityProfileRequest.fromPartial({
        image: { image: reference, userSpecifiedImage: reference, runtimeHandler: "crun" },
        sandboxConfig: podSandboxConfig(),
        profileKind: profileKind as SecurityProfileKind,
      }),
    );
  const refused = (field: string) =>
    refusal("INVALID_ARGUMENT", new RegExp(`^SecurityProfileInvalid: ${field}: `));
  await assert.rejects(pull("registry.example/profile:v1"), refused("image.image"));
  await assert.rejects(pull(""), refused("image.image"));
  await assert.rejects(
    pull(pinned, SecurityProfileKind.SecurityProfileKindUnspecified),
    refused("profile_kind"),
  );
  await assert.rejects(pull(pinned, 2), refused("profile_kind"));
  assert.deepEqual(await pull(pinned), { cached: false });
  assert.deepEqual(await pull(pinned), { cached: true });
  const [profile, ...others] = (await cri.images.listSecurityProfiles({})).profiles;
  assert.deepEqual([profile?.refs, profile?.size, others], [[pinned], 7n, []]);
  for (const digest of [profile?.digest ?? "", profile?.digest ?? ""])
    assert.deepEqual(await cri.images.removeSecurityProfile({ digest }), {});
  assert.deepEqual((await cri.images.listSecurityProfiles({})).profiles, []);
  await assert.rejects(
    cri.images.removeSecurityProfile({ digest: "" }),
    refusal("INVALID_ARGUMENT", /^digest/),
  );
});

test("RuntimeConfig tells the cgroup driver, UpdateRuntimeConfig takes the pod CIDR", async () => {
  await using cri = await serve();
  assert.equal((await cri.runtime.runtimeConfig({})).linux?.cgroupDriver, CgroupDriver.CGROUPFS);
  cri.engine.cgroupDriver = "systemd";
  assert.equal((await cri.runtime.runtimeConfig({})).linux?.cgroupDriver, CgroupDriver.SYSTEMD);
  await cri.runtime.updateRuntimeConfig({ runtimeConfig: { networkConfig: { podCidr: "10.88.0.0/16" } } });
  assert.equal(cri.engine.podCidr, "10.88.0.0/16");
  await cri.runtime.updateRuntimeConfig({ runtimeConfig: undefined });
  assert.equal(cri.engine.podCidr, "10.88.0.0/16");
});

test("a pod goes from RunPodSandbox to RemovePodSandbox", async () => {
  await using cri = await serve();
  const config = podSandboxConfig({ labels: { app: "web" } });
  const { podSandboxId } = await cri.runtime.runPodSandbox({ config, runtimeHandler: "crun" });
  const { status, info } = await cri.runtime.podSandboxStatus({ podSandboxId, verbose: false });
  assert.equal(status?.state, PodSandboxState.SANDBOX_READY);
  assert.equal(status?.network?.ip, "10.88.0.2");
  assert.equal(status?.runtimeHandler, "crun");
  assert.deepEqual([status?.metadata, status?.labels], [config.metadata, config.labels]);
  assert.deepEqual(info, {});
  const verbose = await cri.runtime.podSandboxStatus({ podSandboxId, verbose: true });
  assert.equal(JSON.parse(verbose.info.info ?? "").memory, 1024);

  await cri.runtime.stopPodSandbox({ podSandboxId });
  const [listed] = (await cri.runtime.listPodSandbox(everything)).items;
  assert.deepEqual([listed?.id, listed?.state], [podSandboxId, PodSandboxState.SANDBOX_NOTREADY]);
  await cri.runtime.removePodSandbox({ podSandboxId });
  await cri.runtime.removePodSandbox({ podSandboxId });
  assert.deepEqual((await cri.runtime.listPodSandbox(everything)).items, []);
});

test("a container goes from CreateContainer to RemoveContainer", async () => {
  await using cri = await serve();
  const sandboxConfig = podSandboxConfig();
  const { podSandboxId } = await cri.runtime.runPodSandbox({ config: sandboxConfig, runtimeHandler: "" });
  const { containerId } = await cri.runtime.createContainer({
    podSandboxId,
    config: containerConfig(),
    sandboxConfig,
  });
  await assert.rejects(
    cri.runtime.reopenContainerLog({ containerId }),
    refusal("FAILED_PRECONDITION", /not running/),
  );
  await cri.runtime.startContainer({ containerId });
  await cri.runtime.reopenContainerLog({ containerId });
  await cri.runtime.stopContainer({ containerId, timeout: 10n });
  const { status, info } = await cri.runtime.containerStatus({ containerId, verbose: true });
  assert.deepEqual([status?.state, status?.reason], [ContainerState.CONTAINER_EXITED, "Completed"]);
  assert.deepEqual(JSON.parse(info.info ?? ""), { id: containerId, pid: 7 });
  await cri.runtime.removeContainer({ containerId });
  assert.deepEqual((await cri.runtime.listContainers(everything)).containers, []);
});

test("PodSandboxStatus tells of containers only where the configuration says so", async () => {
  const answer = async (answers?: { readonly podStatusWithContainers: boolean }) => {
    await using cri = await serve({ answers });
    cri.engine.sandboxTable.set(id("5a"), sandbox());
    cri.engine.containerTable.set(id("c0"), container({ sandboxId: id("5a") }));
    const { containersStatuses, timestamp } = await cri.runtime.podSandboxStatus({
      podSandboxId: id("5a"),
      verbose: false,
    });
    return [containersStatuses.map((one) => one.id), timestamp > 0n];
  };
  assert.deepEqual(await answer(), [[], false]);
  assert.deepEqual(await answer({ podStatusWithContainers: true }), [[id("c0")], true]);
});

test("an exec's output of 16 MiB on each stream comes through whole", async () => {
  await using cri = await serve();
  const size = 16 * 1024 * 1024;
  cri.engine.containerTable.set(id("c0"), container());
  cri.engine.exec = async (args, timeoutMs) => {
    assert.deepEqual([args, timeoutMs], [["cat", "-"], 10_000]);
    // A view into something larger, as streams make them.
    return {
      exitCode: 3,
      stdout: Buffer.alloc(size + 8, "o").subarray(8),
      stderr: new Uint8Array(size).fill(101),
    };
  };
  const { stdout, stderr, exitCode } = await cri.runtime.execSync({
    containerId: "c0",
    cmd: ["cat", "-"],
    timeout: 10n,
  });
  assert.equal(exitCode, 3);
  assert.ok(stdout.equals(Buffer.alloc(size, "o")));
  assert.ok(stderr.equals(Buffer.alloc(size, "e")));
});

test("a negative time is none, as in containerd: a stop kills at once, a command has no limit", async () => {
  await using cri = await serve();
  const state = { kind: "running", pid: 5, startedAtNs: 7n } as const;
  cri.engine.containerTable.set(id("c0"), container({ state }));
  const times: number[] = [];
  cri.engine.exec = async (_args, timeoutMs) => {
    times.push(timeoutMs);
    return { exitCode: 0, stdout: new Uint8Array(), stderr: new Uint8Array() };
  };
  await cri.runtime.execSync({ containerId: "c0", cmd: ["true"], timeout: -(2n ** 63n) });
  assert.deepEqual(times, [0]);
  await cri.runtime.stopContainer({ containerId: id("c0"), timeout: -1n });
  const { status } = await cri.runtime.containerStatus({ containerId: "c0", verbose: false });
  assert.equal(status?.state, ContainerState.CONTAINER_EXITED);
});

test("an image's answers: its status, nothing for one that is not there, a list, a pull, a removal", async () => {
  await using cri = await serve();
  const spec = {
    image: "busybox",
    annotations: {},
    userSpecifiedImage: "",
    runtimeHandler: "",
    imageRef: "",
  };
  assert.equal((await cri.images.imageStatus({ image: spec, verbose: true })).image, undefined);
  cri.engine.pull = async (request) => {
    assert.deepEqual(request, {
      reference: "busybox",
      credentials: { kind: "basic", username: "u", password: "p" },
    });
    cri.engine.imageTable.push(image());
    return image();
  };
  const auth = AuthConfig.fromPartial({ username: "u", password: "p" });
  assert.equal(
    (await cri.images.pullImage({ image: spec, auth, sandboxConfig: undefined })).imageRef,
    imageId,
  );
  const found = await cri.images.imageStatus({ image: spec, verbose: true });
  assert.equal(found.image?.id, imageId);
  assert.deepEqual(Object.keys(JSON.parse(found.info.info ?? "")).slice(0, 2), ["chainID", "imageSpec"]);
  assert.equal((await cri.images.listImages({ filter: undefined })).images.length, 1);
  assert.equal(
    (await cri.images.listImages({ filter: { image: { ...spec, image: "nginx" } } })).images.length,
    0,
  );
  await cri.images.removeImage({ image: spec });
  assert.equal((await cri.images.listImages({ filter: undefined })).images.length, 0);
});

test("a pull that a registry's absence or a policy ends fails with UNKNOWN, so that kubelets see the message's first word", async () => {
  await using cri = await serve();
  const request = PullImageRequest.fromPartial({ image: { image: "busybox" } });
  const failing = (message: string, code: ErrorCode = "Unavailable") => {
    cri.engine.pull = async () => {
      throw new BerthError(code, message);
    };
    return cri.images.pullImage(request);
  };
  const gone = "RegistryUnavailable: resolving busybox: connection refused";
  await assert.rejects(failing(gone), { code: status.UNKNOWN, details: gone });
  await assert.rejects(failing("the image service is closing"), { code: status.UNAVAILABLE });
  const refused =
    "SignatureValidationFailed: docker.io/library/busybox:latest: images of this scope are rejected";
  for (const code of ["PermissionDenied", "FailedPrecondition"] as const)
    await assert.rejects(failing(refused, code), { code: status.UNKNOWN, details: refused });
  const denied = "access denied (403)";
  await assert.rejects(failing(denied, "PermissionDenied"), { code: status.PERMISSION_DENIED });
});

test("ImageFsInfo tells both file systems", async () => {
  await using cri = await serve();
  const { imageFilesystems, containerFilesystems } = await cri.images.imageFsInfo({});
  assert.deepEqual(
    imageFilesystems.map(({ fsId, usedBytes }) => [fsId?.mountpoint, usedBytes?.value]),
    [["/images", 10n]],
  );
  assert.deepEqual(
    containerFilesystems.map(({ fsId, inodesUsed }) => [fsId?.mountpoint, inodesUsed?.value]),
    [["/containers", 2n]],
  );
});

test("the Stream twins of lists answer in parts that every client takes", async () => {
  await using cri = await serve();
  const annotations = { large: "x".repeat(200_000) };
  for (let n = 0; n < 30; n++) {
    const made = sandbox({ id: id(`a${n}b`), config: podSandboxConfig({ annotations }) });
    cri.engine.sandboxTable.set(made.id, made);
  }
  const sizes: number[] = [];
  for await (const { podSandboxes } of cri.client.streamPodSandboxes({ filter: undefined }))
    sizes.push(podSandboxes.length);
  assert.equal(
    sizes.reduce((sum, size) => sum + size, 0),
    30,
  );
  assert.ok(sizes.length > 1 && sizes.every((size) => size <= 5), sizes.join());
  for await (const part of cri.client.streamContainers({ filter: undefined }))
    assert.fail(JSON.stringify(part));
});

test("events reach every listener, with the pod as it was", async () => {
  await using cri = await serve();
  const streams = [cri.client.getContainerEvents({}), cri.client.getContainerEvents({})];
  await until(() => cri.engine.listeners() === 2);
  cri.engine.emit({
    kind: "started",
    containerId: id("c0"),
    atNs: 5n,
    sandbox: sandbox(),
    containers: [container()],
  });
  cri.engine.emit({ kind: "deleted", containerId: id("5a") });
  for (const stream of streams) {
    const events: ContainerEventResponse[] = await stream.take(2).toArray();
    const [started, deleted] = events;
    assert.equal(started?.containerEventType, ContainerEventType.CONTAINER_STARTED_EVENT);
    assert.equal(started?.createdAt, 5n);
    assert.equal(started?.podSandboxStatus?.id, id("5a"));
    assert.deepEqual(
      started?.containersStatuses.map((one) => one.id),
      [id("c0")],
    );
    assert.deepEqual([deleted?.containerId, deleted?.podSandboxStatus], [id("5a"), undefined]);
  }
});

test("a listener that goes away is let go", async () => {
  await using cri = await serve();
  const stream = cri.client.getContainerEvents({});
  stream.on("error", (error: { code?: number }) => assert.equal(error.code, status.CANCELLED));
  await until(() => cri.engine.listeners() === 1);
  stream.cancel();
  await until(() => cri.engine.listeners() === 0);
});

test("a listener that does not read holds up its own stream alone", async () => {
  await using cri = await serve();
  const stuck = cri.client.getContainerEvents({});
  const reading = cri.client.getContainerEvents({});
  await until(() => cri.engine.listeners() === 2);
  const containers = [container({ config: containerConfig({ annotations: { a: "x".repeat(100_000) } }) })];
  for (let n = 0; n < 200; n++) cri.engine.emit({ containers });
  assert.equal((await reading.take(200).toArray()).length, 200);
  stuck.on("error", () => {});
  stuck.cancel();
});

test("event streams end when the server stops", async () => {
  await using cri = await serve();
  const stream = cri.client.getContainerEvents({});
  await until(() => cri.engine.listeners() === 1);
  const ended = assert.rejects(stream.toArray(), refusal("UNAVAILABLE", /shutting down/));
  await cri.server.close(60_000);
  await ended;
});

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await setImmediate();
}
