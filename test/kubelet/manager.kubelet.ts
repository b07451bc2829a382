/** The same pods with a kubelet and with the manager, over one berth: both tell the same of them. */
import assert from "node:assert/strict";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { type Client, connectEndpoint } from "../../src/clients/criclient/index.ts";
import { isOfKind, Manager, noPersistence } from "../../src/clients/manager/index.ts";
import { readManifests } from "../../src/clients/manifests/index.ts";
import { systemClock } from "../../src/ground/clock/index.ts";
import { eventually } from "../support/condition.ts";
import { withKubelet } from "../support/with-kubelet.ts";

type Status = {
  readonly phase?: string;
  readonly reason?: string;
  readonly qosClass?: string;
  readonly conditions?: readonly {
    readonly type: string;
    readonly status: string;
    readonly reason?: string;
  }[];
  readonly containerStatuses?: readonly Container[];
  readonly initContainerStatuses?: readonly Container[];
};

type Container = {
  readonly name: string;
  readonly ready: boolean;
  readonly started?: boolean;
  readonly restartCount: number;
  readonly state: object;
};

const idle = "trap 'exit 0' TERM; while true; do sleep 0.1; done";

describe("a pod of the manager, and the same pod of a kubelet", () => {
  const host = withKubelet();
  let client: Client;
  let manager: Manager;

  before(async () => {
    const { berth } = host;
    client = await connectEndpoint(berth.socket, {
      signal: new AbortController().signal,
      timeoutMs: 60_000,
    });
    manager = await Manager.open({
      client,
      clock: systemClock,
      persistence: noPersistence,
      dataDir: join(berth.directory, "manager"),
      logRoot: berth.logDir,
      credentials: async () => undefined,
    });
  });
  after(async () => {
    await manager?.[Symbol.asyncDispose]();
    client?.[Symbol.dispose]();
  });

  const ofManager = (name: string): Status | undefined => {
    const found = manager.get({ kind: "Pod", namespace: "default", name });
    return found !== undefined && isOfKind(found, "Pod") ? found.status?.pod : undefined;
  };
  const ofKubelet = async (name: string): Promise<Status | undefined> =>
    (await host.kubelet.pod(name))?.status;

  const read = async (order: string) => await readFile(join(order, "order"), "utf8").catch(() => "");

  /** Runs a pod with both until it is as it should be, ends it, and compares what they tell, and orders. */
  async function same(name: string, spec: (order: string) => object, settled: (status: Status) => boolean) {
    const orders = ["kubelet", "manager"].map((by) => join(host.berth.directory, `${name}-${by}`));
    for (const order of orders) await mkdir(order, { recursive: true });
    const [byKubelet = "", byManager = ""] = orders;
    const complete = (order: string) => ({ terminationGracePeriodSeconds: 1, ...spec(order) });
    await host.kubelet.apply(name, { spec: complete(byKubelet) });
    const pod = { apiVersion: "v1", kind: "Pod", metadata: { name }, spec: complete(byManager) };
    const { manifests } = readManifests([{ file: name, text: JSON.stringify(pod) }]);
    await manager.apply(manifests);
    const patience = { limitMs: 120_000, everyMs: 200 };
    const settledOne = (status: Status | undefined) => status !== undefined && settled(status) && status;
    try {
      const [kubelets, managers] = await Promise.all([
        eventually(
          `the kubelet has settled ${name}`,
          async () => settledOne(await ofKubelet(name)),
          patience,
        ),
        eventually(`the manager has settled ${name}`, async () => settledOne(ofManager(name)), patience),
      ]);
      assert.deepEqual(told(managers), told(kubelets));
      assert.equal(await read(byManager), await read(byKubelet));
    } finally {
      const key = { kind: "Pod", namespace: "default", name } as const;
      const [{ uid }] = await Promise.all([manager.delete(key), host.kubelet.remove(name)]);
      await manager.waitUntilGone(uid);
    }
    assert.equal(await read(byManager), await read(byKubelet));
  }

  /** A container that notes when it began. */
  const noting = (name: string, script: string, more: object = {}) =>
    host.shell(name, `echo ${name} >> /order/order; ${script}`, {
      volumeMounts: [{ name: "order", mountPath: "/order" }],
      ...more,
    });
  /** A container that has started only once it has noted so: a process that runs may not have come to it. */
  const notingFirst = (name: string, script: string, more: object = {}) =>
    noting(name, script, {
      startupProbe: {
        exec: { command: ["grep", "-qx", name, "/order/order"] },
        periodSeconds: 1,
        failureThreshold: 100,
      },
      ...more,
    });
  const volumes = (order: string) => [{ name: "order", hostPath: { path: order } }];
  const isReady = ({ conditions = [] }: Status) =>
    conditions.some(({ type, status }) => type === "Ready" && status === "True");
  const over = ({ phase }: Status) => phase === "Succeeded" || phase === "Failed";

  it("of init containers, a sidecar and containers begins them in one order", () =>
    same(
      "order",
      (order) => ({
        volumes: volumes(order),
        initContainers: [
          noting("one", "sleep 0.5"),
          notingFirst("side", idle, { restartPolicy: "Always" }),
          noting("two", "sleep 0.5"),
        ],
        containers: [notingFirst("main", idle)],
      }),
      isReady,
    ));

  it("with hooks and a sidecar ends in one order", () => {
    const ending = (name: string, hook: string, more: object = {}) =>
      host.shell(name, `trap 'echo ${name} >> /order/order; exit 0' TERM; while true; do sleep 0.1; done`, {
        volumeMounts: [{ name: "order", mountPath: "/order" }],
        lifecycle: {
          preStop: { exec: { command: ["sh", "-c", `${hook}; echo ${name}-hook >> /order/order`] } },
        },
        ...more,
      });
    return same(
      "ending",
      (order) => ({
        terminationGracePeriodSeconds: 60,
        volumes: volumes(order),
        initContainers: [ending("side", "true", { restartPolicy: "Always" })],
        containers: [ending("main", "sleep 2")],
      }),
      isReady,
    );
  });

  it("whose probe's command names a variable has it expanded", () =>
    same(
      "expanded",
      () => ({
        containers: [
          host.shell("main", idle, {
            env: [{ name: "PROGRAM", value: "true" }],
            readinessProbe: { exec: { command: ["$(PROGRAM)"] }, periodSeconds: 1 },
          }),
        ],
      }),
      isReady,
    ));

  it("whose containers succeed has succeeded", () =>
    same(
      "success",
      () => ({
        restartPolicy: "Never",
        containers: [host.shell("main", "echo done > /dev/termination-log")],
      }),
      over,
    ));

  it("with a container that fails has failed, with its exit code and last words", () =>
    same(
      "failure",
      () => ({
        restartPolicy: "Never",
        containers: [
          host.shell("main", "echo words; exit 3", { terminationMessagePolicy: "FallbackToLogsOnError" }),
          host.shell("other", "exit 0"),
        ],
      }),
      over,
    ));

  it("whose init container fails has failed before its containers begin", () =>
    same(
      "init-failure",
      (order) => ({
        restartPolicy: "Never",
        volumes: volumes(order),
        initContainers: [noting("init", "exit 4")],
        containers: [noting("main", idle)],
      }),
      over,
    ));

  it("that is killed by a signal tells so", () =>
    same(
      "signal",
      () => ({ restartPolicy: "Never", containers: [host.shell("main", "kill -KILL $$")] }),
      over,
    ));

  it("that must be restarted waits with the same reason", () =>
    same(
      "crash",
      () => ({ containers: [host.shell("main", "exit 3")] }),
      ({ containerStatuses: [main] = [] }) =>
        main !== undefined && main.restartCount > 0 && waits(main, "CrashLoopBackOff"),
    ));

  it("whose readiness probe fails runs and is not ready", () =>
    same(
      "unready",
      () => ({
        containers: [
          host.shell("main", idle, { readinessProbe: { exec: { command: ["false"] }, periodSeconds: 1 } }),
        ],
      }),
      ({ phase, containerStatuses: [main] = [] }) => phase === "Running" && main?.started === true,
    ));

  it("whose image may not be pulled waits with the same reason", () =>
    same(
      "imageless",
      () => ({
        containers: [
          {
            ...host.shell("main", idle),
            image: `${host.registry.host}/missing:v1`,
            imagePullPolicy: "Never",
          },
        ],
      }),
      ({ containerStatuses: [main] = [] }) => main !== undefined && waits(main, "ErrImageNeverPull"),
    ));

  it("sees the same of itself in its environment", () =>
    same(
      "environment",
      () => ({
        restartPolicy: "Never",
        containers: [
          host.shell("main", 'echo "$NAMESPACE $CPU $BOTH" > /dev/termination-log', {
            resources: { limits: { cpu: "500m", memory: "64Mi" } },
            env: [
              { name: "NAMESPACE", valueFrom: { fieldRef: { fieldPath: "metadata.namespace" } } },
              { name: "CPU", valueFrom: { resourceFieldRef: { resource: "limits.cpu", divisor: "1m" } } },
              { name: "BOTH", value: "$(NAMESPACE)-$(CPU)-$$(CPU)" },
            ],
          }),
        ],
      }),
      over,
    ));
});

function waits({ state }: Container, reason: string): boolean {
  return Object.entries(state).some(([kind, one]) => kind === "waiting" && one.reason === reason);
}

/**
 * What both must tell alike: no times, ids and addresses, nothing of the back-off's seconds, and not how
 * often one was restarted, which goes on while it is looked at.
 */
function told({ phase, reason, qosClass, conditions = [], ...status }: Status) {
  const container = ({ name, ready, started = false, restartCount, state }: Container) => ({
    name,
    ready,
    started,
    wasRestarted: restartCount > 0,
    state: Object.entries(state).map(([kind, { reason, exitCode, message }]) =>
      kind === "waiting" ? { kind, reason } : { kind, reason, exitCode, message },
    ),
  });
  return {
    phase,
    reason,
    qosClass,
    conditions: Object.fromEntries(
      conditions
        // A kubelet stops the sandbox of a pod that is over a moment later.
        .filter(({ type }) => type !== "PodReadyToStartContainers" || phase === "Running")
        .map(({ type, status, reason }) => [type, [status, reason].filter(Boolean).join(" ")]),
    ),
    initContainers: (status.initContainerStatuses ?? []).map(container),
    containers: (status.containerStatuses ?? []).map(container),
  };
}
