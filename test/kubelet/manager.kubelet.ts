/** Runs the same pods with a kubelet and with the manager on one berth, and compares what both report. */
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

  /**
   * Runs a pod with both until its status is as expected, stops it, and compares the reports and the orders.
   */
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

  /** A container that records when it started. */
  const noting = (name: string, script: string, more: object = {}) =>
    host.shell(name, `echo ${name} >> /order/order; ${script}`, {
      volumeMounts: [{ name: "order", mountPath: "/order" }],
      ...more,
    });
  /**
   * A container that counts as started only once it has recorded so: a running process may not have got to it
   * yet.
   */
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

  it("starts init containers, a sidecar and containers in the same order", () =>
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

  it("runs its hooks and stops a sidecar in the same order", () => {
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

  it("runs the preStop hook of a container whose postStart hook fails", () =>
    same(
      "unhooked",
      (order) => ({
        restartPolicy: "Never",
        volumes: volumes(order),
        containers: [
          noting("main", "trap 'echo stopped >> /order/order; exit 0' TERM; while true; do sleep 0.1; done", {
            lifecycle: {
              postStart: { exec: { command: ["sh", "-c", "sleep 1; exit 1"] } },
              preStop: { exec: { command: ["sh", "-c", "echo hook >> /order/order"] } },
            },
          }),
        ],
      }),
      over,
    ));

  it("starts no container while one of its volumes cannot be mounted", () => {
    const begunMs = Date.now();
    return same(
      "unmounted",
      (order) => ({
        volumes: [
          ...volumes(order),
          { name: "none", hostPath: { path: join(order, "none"), type: "Directory" } },
        ],
        initContainers: [noting("first", "true")],
        containers: [host.shell("main", idle, { volumeMounts: [{ name: "none", mountPath: "/none" }] })],
      }),
      () => Date.now() - begunMs > 10_000,
    );
  });

  it("has variables in a probe's command expanded", () =>
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

  it("has succeeded when its containers have succeeded", () =>
    same(
      "success",
      () => ({
        restartPolicy: "Never",
        containers: [host.shell("main", "echo done > /dev/termination-log")],
      }),
      over,
    ));

  it("has failed when a container has failed, with its exit code and termination message", () =>
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

  it("has failed when an init container has failed, before its containers start", () =>
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

  it("reports the signal that killed its container", () =>
    same(
      "signal",
      () => ({ restartPolicy: "Never", containers: [host.shell("main", "kill -KILL $$")] }),
      over,
    ));

  it("waits with the same reason when it must be restarted", () =>
    same(
      "crash",
      () => ({ containers: [host.shell("main", "exit 3")] }),
      ({ containerStatuses: [main] = [] }) =>
        main !== undefined && main.restartCount > 0 && waits(main, "CrashLoopBackOff"),
    ));

  it("runs and is not ready when its readiness probe fails", () =>
    same(
      "unready",
      () => ({
        containers: [
          host.shell("main", idle, { readinessProbe: { exec: { command: ["false"] }, periodSeconds: 1 } }),
        ],
      }),
      ({ phase, containerStatuses: [main] = [] }) => phase === "Running" && main?.started === true,
    ));

  it("waits with the same reason when its image must not be pulled", () =>
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

  it("sees the same data about itself in its environment", () =>
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

  it("has the same variables and arguments expanded", () =>
    same(
      "expansion",
      () => ({
        restartPolicy: "Never",
        enableServiceLinks: false,
        hostname: "web",
        containers: [
          host.shell(
            "main",
            'env | grep ^V_ | sort > /dev/termination-log; echo "$@" >> /dev/termination-log',
            {
              args: [
                "sh",
                "$(V_A)",
                "$$(V_A)",
                "$$$(V_A)",
                "$$$$",
                "$",
                "$(",
                "$(V_A",
                "$(NO)",
                "$()",
                "a$b",
                "$$x",
              ],
              env: [
                { name: "V_LATER", value: "$(V_A)" },
                { name: "V_A", value: "a" },
                { name: "V_TWICE", value: "one" },
                { name: "V_TWICE", value: "$(V_TWICE) two" },
                { name: "V_SELF", value: "$(V_SELF)" },
                { name: "V_OPEN", value: "$(V_A $(V_A)" },
                { name: "V_NAMESPACE", valueFrom: { fieldRef: { fieldPath: "metadata.namespace" } } },
                { name: "V_OF", value: "of $(V_NAMESPACE)" },
              ],
            },
          ),
        ],
      }),
      over,
    ));

  it("has the same hosts file", async () => {
    const hosts = (name: string, spec: object) =>
      same(
        name,
        () => ({
          restartPolicy: "Never",
          hostname: "web",
          hostAliases: [
            { ip: "192.0.2.7", hostnames: ["seven", "seven.test"] },
            { ip: "192.0.2.8", hostnames: ["eight"] },
          ],
          // Each pod has its own address.
          containers: [host.shell("main", 'grep -v "^[1-9][0-9.]*\tweb$" /etc/hosts > /dev/termination-log')],
          ...spec,
        }),
        over,
      );
    await hosts("hosts", {});
    await hosts("hosts-of-machine", { hostNetwork: true, hostname: undefined });
    await hosts("hosts-without-aliases", { hostNetwork: true, hostAliases: [], hostname: undefined });
  });

  it("has the same name servers, domains and options", async () => {
    const show = `for first in nameserver search; do grep "^$first" /etc/resolv.conf; done > /dev/termination-log
      grep ^options /etc/resolv.conf | tr " " "\n" | sort >> /dev/termination-log`;
    const dns = (name: string, dnsPolicy: string, dnsConfig: object) =>
      same(
        name,
        () => ({ restartPolicy: "Never", dnsPolicy, dnsConfig, containers: [host.shell("main", show)] }),
        over,
      );
    const nameservers = ["192.0.2.1", "192.0.2.2", "192.0.2.3"];
    const searches = Array.from({ length: 32 }, (_, index) => `d${index}.test`);
    const options = [{ name: "ndots", value: "2" }, { name: "edns0" }, { name: "rotate", value: "" }];
    await dns("dns-own", "None", { nameservers, searches, options });
    await dns("dns-more", "Default", { nameservers, searches: [...searches, "d0.test"].slice(1), options });
    await dns("dns-default", "Default", {});
  });

  // An emptyDir's mode is not compared: a kubelet supports it only with a feature gate.
  it("has volumes with the same owners and modes", async () => {
    const files = ["/fast", "/work", "/fields/labels", "/fields/deep", "/fields/deep/cpu", "/fields/nested"];
    const show = `{
      id -G
      stat -L -c "%n %a %u %g" ${files.join(" ")}
      stat -L -c "%u %g" /fields /fields/..data
      ls /fields /fields/nested
      for path in /fields/nested/file /fields/new /one /part/file /kept/file; do
        (echo x > $path) 2> /dev/null && echo "$path can be written"
      done
      stat -c "%n %a %g" /part /one /fields/nested/file
    } > /dev/termination-log 2>&1`;
    const volumes = (name: string, securityContext: object) =>
      same(
        name,
        () => ({
          restartPolicy: "Never",
          securityContext,
          containers: [
            host.shell("main", show, {
              resources: { limits: { cpu: "500m" } },
              volumeMounts: [
                { name: "fast", mountPath: "/fast" },
                { name: "work", mountPath: "/work" },
                { name: "work", mountPath: "/fields/nested" },
                { name: "fields", mountPath: "/fields" },
                { name: "fields", mountPath: "/one", subPath: "labels" },
                { name: "work", mountPath: "/part", subPath: "a/b" },
                { name: "work", mountPath: "/kept", subPath: "c", readOnly: true },
              ],
            }),
          ],
          volumes: [
            { name: "fast", emptyDir: { medium: "Memory" } },
            { name: "work", emptyDir: {} },
            {
              name: "fields",
              downwardAPI: {
                defaultMode: 0o400,
                items: [
                  { path: "labels", fieldRef: { fieldPath: "metadata.labels" } },
                  {
                    path: "./deep//cpu",
                    mode: 0o644,
                    resourceFieldRef: { containerName: "main", resource: "limits.cpu", divisor: "1m" },
                  },
                ],
              },
            },
          ],
        }),
        over,
      );
    await volumes("volumes", {});
    await volumes("volumes-of-group", { fsGroup: 4000 });
  });

  it("has termination messages of the same lengths", async () => {
    const words = (name: string, script: string, more: object = {}, others: readonly object[] = []) =>
      same(
        name,
        () => ({ restartPolicy: "Never", containers: [host.shell("main", script, more), ...others] }),
        over,
      );
    const numbers = "i=0; while [ $i -lt 2000 ]; do echo line $i; i=$((i+1)); done";
    const fallback = { terminationMessagePolicy: "FallbackToLogsOnError" };
    await words("words-in-file", `(${numbers}) > /dev/termination-log`);
    await words("words-in-log", `${numbers}; exit 1`, fallback);
    await words(
      "words-in-long-lines",
      "head -c 9000 /dev/zero | tr '\\0' x; echo; echo end; exit 1",
      fallback,
    );
    await words("words-without-end", "printf 'no newline'; exit 1", fallback);
    await words(
      "words-in-short-lines",
      "i=0; while [ $i -lt 100 ]; do echo $i; i=$((i+1)); done; exit 1",
      fallback,
    );
    const others = Array.from({ length: 5 }, (_, index) =>
      host.shell(`other-${index}`, `(${numbers}) > /dev/termination-log; exit ${index}`),
    );
    await words("words-of-many", `(${numbers}) > /dev/termination-log`, {}, others);
  });

  it("waits with the same reason when a mount refers to a missing or empty variable", () =>
    same(
      "subpaths",
      () => ({
        containers: [
          host.shell("missing", idle, {
            volumeMounts: [{ name: "work", mountPath: "/work", subPathExpr: "$(NOBODY)" }],
          }),
          host.shell("empty", idle, {
            env: [{ name: "EMPTY", value: "" }],
            volumeMounts: [{ name: "work", mountPath: "/work", subPathExpr: "a/$(EMPTY)" }],
          }),
        ],
        volumes: [{ name: "work", emptyDir: {} }],
      }),
      ({ containerStatuses = [] }) =>
        containerStatuses.length === 2 &&
        containerStatuses.every((one) => waits(one, "CreateContainerConfigError")),
    ));
});

function waits({ state }: Container, reason: string): boolean {
  return Object.entries(state).some(([kind, one]) => kind === "waiting" && one.reason === reason);
}

/**
 * What both must report alike: without times, ids, addresses, the back-off's seconds, and the number of
 * restarts, which increases during the comparison.
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
        // A kubelet stops the sandbox of a finished pod a moment later.
        .filter(({ type }) => type !== "PodReadyToStartContainers" || phase === "Running")
        .map(({ type, status, reason }) => [type, [status, reason].filter(Boolean).join(" ")]),
    ),
    initContainers: (status.initContainerStatuses ?? []).map(container),
    containers: (status.containerStatuses ?? []).map(container),
  };
}
