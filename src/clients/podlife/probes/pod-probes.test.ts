import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { systemClock } from "../../../ground/clock/index.ts";
import { until } from "../../../testing/until.ts";
import type { ObservedContainer } from "../observe.ts";
import type { PodRuntime } from "../pod-runtime.ts";
import { PodProbes } from "./pod-probes.ts";

test("a pod with the machine's network is probed at the machine's address, as by a kubelet", async () => {
  const server = createServer((_, response) => response.end());
  await new Promise<void>((listening) => server.listen(0, "127.0.0.2", listening));
  const { port } = server.address() as AddressInfo;
  const container = { name: "main", image: "web", readinessProbe: { httpGet: { port } } };
  const failures: string[] = [];
  using probes = new PodProbes({
    pod: {
      metadata: { name: "web", namespace: "default", uid: "web", labels: {}, annotations: {} },
      spec: { hostNetwork: true, containers: [container] },
      startTimeNs: 0n,
    },
    runtime: {} as PodRuntime,
    clock: systemClock,
    hostIps: ["127.0.0.2"],
    onChange: () => {},
    onFailure: (_, __, message) => failures.push(message),
  });
  const running: ObservedContainer = {
    id: "one",
    containerID: "berth://one",
    name: "main",
    attempt: 0,
    state: "running",
    startedAtNs: systemClock.nowNs(),
    finishedAtNs: 0n,
    exitCode: 0,
    reason: "",
    message: "",
    image: "web",
    imageId: "web",
    askedImage: "web",
    logPath: "",
  };
  const containers = new Map([["main", [running]]]);
  probes.follow({ sandbox: undefined, oldSandboxes: [], containers, earlier: new Map(), states: new Map() });
  await until(() => probes.isReady(running) || failures.length > 0);
  assert.deepEqual(failures, []);
  server.closeAllConnections();
  await new Promise((closed) => server.close(closed));
});
