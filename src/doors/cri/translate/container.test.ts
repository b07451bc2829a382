import assert from "node:assert/strict";
import { test } from "node:test";
import { ContainerState, ContainerStatus, Signal } from "../../../ground/protocol/index.ts";
import { container, containerConfig, image, imageId } from "../testing/samples.ts";
import { signalFromNumber, toContainer, toContainerStatus } from "./container.ts";

test("a created container has no times and no exit", () => {
  const status = toContainerStatus(container(), undefined);
  assert.equal(status.state, ContainerState.CONTAINER_CREATED);
  assert.deepEqual([status.startedAt, status.finishedAt, status.exitCode, status.reason], [0n, 0n, 0, ""]);
  assert.equal(status.createdAt, 1_700_000_000_000_000_002n);
});

test("a running container has a start", () => {
  const status = toContainerStatus(
    container({ state: { kind: "running", pid: 5, startedAtNs: 7n } }),
    undefined,
  );
  assert.equal(status.state, ContainerState.CONTAINER_RUNNING);
  assert.deepEqual([status.startedAt, status.finishedAt], [7n, 0n]);
});

test("an exited container tells how it ended", () => {
  const state = {
    kind: "exited",
    startedAtNs: 7n,
    finishedAtNs: 9n,
    exitCode: 137,
    reason: "OOMKilled",
    message: "m",
  } as const;
  const status = toContainerStatus(container({ state }), undefined);
  assert.equal(status.state, ContainerState.CONTAINER_EXITED);
  assert.deepEqual([status.startedAt, status.finishedAt, status.exitCode], [7n, 9n, 137]);
  assert.deepEqual([status.reason, status.message], ["OOMKilled", "m"]);
});

test("lists and statuses name the image by the same id", () => {
  assert.equal(toContainer(container()).imageId, imageId);
  assert.equal(toContainerStatus(container(), image()).imageId, imageId);
  assert.match(toContainerStatus(container(), image()).imageRef, /^docker\.io\/library\/busybox@sha256:/);
});

test("the image is shown by the tag that the pod names", () => {
  const config = containerConfig({ image: { image: imageId, userSpecifiedImage: "busybox:2" } });
  const repoTags = ["docker.io/library/busybox:1", "docker.io/library/busybox:2"];
  const shown = (tags: readonly string[]) =>
    toContainerStatus(container({ config }), image({ repoTags: tags })).image?.image;
  assert.equal(shown(repoTags), "docker.io/library/busybox:2");
  assert.equal(shown(["example.org/other:1"]), "example.org/other:1");
  assert.equal(shown([]), imageId);
  assert.equal(toContainerStatus(container({ config }), undefined).image?.image, imageId);
});

test("what the config holds comes back as it was, through the wire too", () => {
  const config = containerConfig({
    labels: { a: "b" },
    annotations: { c: "d" },
    mounts: [{ containerPath: "/data", hostPath: "/srv" }],
  });
  const full = container({
    config,
    logPath: "/var/log/pods/x/0.log",
    user: { uid: 1000, gid: 100, supplementalGroups: [4, 5] },
    resources: { ...emptyResources, memoryLimitInBytes: 2n ** 40n },
  });
  const status = ContainerStatus.decode(ContainerStatus.encode(toContainerStatus(full, undefined)).finish());
  assert.deepEqual(
    [status.labels, status.annotations, status.mounts],
    [config.labels, config.annotations, config.mounts],
  );
  assert.equal(status.logPath, "/var/log/pods/x/0.log");
  assert.deepEqual(status.user?.linux, { uid: 1000n, gid: 100n, supplementalGroups: [4n, 5n] });
  assert.equal(status.resources?.linux?.memoryLimitInBytes, 2n ** 40n);
});

const emptyResources = {
  cpuPeriod: 0n,
  cpuQuota: 0n,
  cpuShares: 0n,
  memoryLimitInBytes: 0n,
  oomScoreAdj: 0n,
  cpusetCpus: "",
  cpusetMems: "",
  hugepageLimits: [],
  unified: {},
  memorySwapLimitInBytes: 0n,
};

test("the stop signal is the one asked for, or that which the engine chose", () => {
  const asked = containerConfig({ stopSignal: Signal.SIGNAL_SIGIOT });
  assert.equal(
    toContainerStatus(container({ config: asked, stopSignal: 6 }), undefined).stopSignal,
    Signal.SIGNAL_SIGIOT,
  );
  assert.equal(toContainerStatus(container({ stopSignal: 3 }), undefined).stopSignal, Signal.SIGNAL_SIGQUIT);
});

test("signals have their usual names, real-time ones by their distance", () => {
  const names = {
    1: "SIGHUP",
    6: "SIGABRT",
    15: "SIGTERM",
    17: "SIGCHLD",
    29: "SIGIO",
    34: "SIGRTMIN",
    37: "SIGRTMINPLUS3",
    49: "SIGRTMINPLUS15",
    50: "SIGRTMAXMINUS14",
    63: "SIGRTMAXMINUS1",
    64: "SIGRTMAX",
  };
  for (const [number, name] of Object.entries(names)) {
    assert.equal(
      signalFromNumber(Number(number)),
      (Signal as Readonly<Record<string, number>>)[`SIGNAL_${name}`],
      name,
    );
  }
  assert.equal(signalFromNumber(0), Signal.SIGNAL_RUNTIME_DEFAULT);
  assert.equal(signalFromNumber(65), Signal.SIGNAL_RUNTIME_DEFAULT);
});
