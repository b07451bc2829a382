import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, it } from "node:test";
import { stringify } from "yaml";
import { ContainerState, NamespaceMode, PodSandboxState } from "../src/ground/protocol/index.ts";
import { tempDir } from "../src/testing/temp-dir.ts";
import { startBusyboxRegistry } from "./support/busybox.ts";
import { cli, cliOutput, startCli } from "./support/cli.ts";
import { eventually } from "./support/condition.ts";
import { CrashingBerth } from "./support/crashing-berth.ts";
import { containerStatus, execSync, TestPod } from "./support/pod.ts";
import { shellConfig } from "./support/requests.ts";
import { verboseInfo } from "./support/verbose.ts";

describe("a restart of the machine", () => {
  it("ends pods and containers, frees their addresses, and keeps images and records", async () => {
    await using registry = await startBusyboxRegistry();
    await using host = await CrashingBerth.start();
    const { berth } = host;
    const { image } = registry;
    const imageId = await berth.pull(image);
    const clean = await host.traces();
    const linux = { cgroupParent: host.cgroupParent };
    const mapping = [{ containerId: 0, hostId: 500_000, length: 65_536 }];
    const usernsOptions = { mode: NamespaceMode.POD, uids: mapping, gids: mapping };
    const namespaceOptions = { pid: NamespaceMode.CONTAINER, usernsOptions };
    const mapped = { linux: { ...linux, securityContext: { namespaceOptions } } };
    const pod = await TestPod.run(berth, "running", mapped);
    const stopped = await TestPod.run(berth, "stopped", { linux });
    const running = await pod.shell("running", image, "exec sleep 1000");
    const ended = await pod.shell("ended", image, "exit 7");
    const waiting = await pod.create(shellConfig("waiting", image, "exec sleep 1000"));
    await eventually("one has ended", async () => (await containerStatus(berth, ended)).exitCode === 7);
    await berth.clients.runtime.stopPodSandbox({ podSandboxId: stopped.id });
    const { startedAt } = await containerStatus(berth, running);

    await host.loseMachine();
    await berth.startDaemon();

    const { runtime, images } = berth.clients;
    const { items } = await runtime.listPodSandbox({ filter: undefined });
    assert.deepEqual(
      items.map(({ state }) => state),
      [PodSandboxState.SANDBOX_NOTREADY, PodSandboxState.SANDBOX_NOTREADY],
    );
    const status = await containerStatus(berth, running);
    assert.deepEqual(
      [status.state, status.exitCode, status.reason],
      [ContainerState.CONTAINER_EXITED, 255, "Unknown"],
    );
    assert.ok(status.finishedAt > status.startedAt && status.startedAt >= startedAt - 1_000_000_000n);
    assert.equal((await containerStatus(berth, ended)).exitCode, 7);
    const { runtimeSpec } = await verboseInfo(berth, running);
    assert.deepEqual(runtimeSpec.process.args, ["/bin/sh", "-c", "exec sleep 1000"]);
    await assert.rejects(runtime.startContainer({ containerId: waiting }), /FAILED_PRECONDITION/);
    await eventually("addresses are free", async () => {
      const traces = await host.traces();
      return !traces.some((trace) => /\/var\/lib\/cni|\/network\//.test(trace));
    });

    for (const podSandboxId of [pod.id, stopped.id]) await runtime.removePodSandbox({ podSandboxId });
    await host.returnsTo(clean);
    assert.equal((await images.listImages({ filter: undefined })).images[0]?.id, imageId);
    const next = await TestPod.run(berth, "running", { linux });
    const id = await next.shell("running", image, "exec sleep 1000");
    assert.equal(await execSync(berth, id, "echo", "alive"), "alive\n");
  });

  it("brings the manager's pods, jobs and cron jobs back as a kubelet and Kubernetes' controllers do", async () => {
    await using registry = await startBusyboxRegistry();
    await using directory = await tempDir();
    await using host = await CrashingBerth.start({
      config: `[manager]\nlog_dir = ${JSON.stringify(join(directory.path, "logs"))}`,
    });
    const { berth } = host;
    await berth.pull(registry.image);
    const forEver = "trap 'exit 0' TERM; while true; do sleep 0.1; done";
    const spec = (script: string, more: object = {}) => ({
      terminationGracePeriodSeconds: 1,
      volumes: [
        { name: "data", emptyDir: {} },
        { name: "machine", hostPath: { path: directory.path } },
      ],
      containers: [
        {
          name: "main",
          image: registry.image,
          imagePullPolicy: "IfNotPresent",
          command: ["sh", "-c", script],
          volumeMounts: [
            { name: "data", mountPath: "/data" },
            { name: "machine", mountPath: "/machine" },
          ],
        },
      ],
      ...more,
    });
    const never = { restartPolicy: "Never" };
    const pod = (name: string, script: string, more: object = {}) => ({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name },
      spec: spec(script, more),
    });
    const job = (script: string) => ({ template: { spec: spec(script, never) } });
    const labels = { app: "web" };
    const objects = [
      pod("always", `echo started >> /data/starts; ${forEver}`),
      pod("never", forEver, never),
      pod("done", "exit 0", { restartPolicy: "OnFailure" }),
      {
        apiVersion: "apps/v1",
        kind: "Deployment",
        metadata: { name: "web" },
        spec: { selector: { matchLabels: labels }, template: { metadata: { labels }, spec: spec(forEver) } },
      },
      {
        apiVersion: "batch/v1",
        kind: "Job",
        metadata: { name: "cut" },
        spec: job(`[ -e /machine/once ] && exit 0; touch /machine/once; ${forEver}`),
      },
      {
        apiVersion: "batch/v1",
        kind: "CronJob",
        metadata: { name: "tick" },
        spec: { schedule: "@every 1s", jobTemplate: { spec: job("exit 0") } },
      },
    ];
    await using _objects = {
      [Symbol.asyncDispose]: async () =>
        void (await cli(berth, "delete", "cronjobs,jobs,deployments,pods", "--all")),
    };
    const text = objects.map((one) => stringify(one)).join("---\n");
    assert.equal((await startCli(berth, ["apply", "-"], { stdin: text }).outcome).status, 0);
    const get = async (kind: string) => JSON.parse(await cliOutput(berth, "get", kind, "-o", "json")).items;
    const states = async () =>
      Object.fromEntries(
        (await get("pods")).map(({ metadata: { name, uid }, status }: Listed) => {
          const [main] = status.containerStatuses;
          const ends = [main?.lastState.terminated?.exitCode, main?.state.terminated?.exitCode];
          return [name.replace(/^(web|cut|tick)-.*/, "$1"), [uid, status.phase, main?.restartCount, ...ends]];
        }),
      );
    const phases = async () => Object.entries(await states()).map(([name, [, phase]]) => `${name} ${phase}`);
    await eventually(
      "all have come as far as they get",
      async () =>
        (await phases()).toSorted().join() ===
        "always Running,cut Running,done Succeeded,never Running,tick Succeeded,web Running",
      { limitMs: 60_000 },
    );
    const before = await states();
    const [tick] = await get("jobs").then((jobs) => jobs.filter(isOf("tick")));

    await host.loseMachine();
    await berth.startDaemon();

    const again = (name: string) => [before[name]?.[0], "Running", 1, 255, undefined];
    await eventually(
      "those that are to run do",
      async () => {
        const now = await states();
        return [now.always, now.web].every((one) => one?.[1] === "Running" && one[2] === 1);
      },
      { limitMs: 60_000 },
    );
    const now = await states();
    assert.deepEqual([now.always, now.web], [again("always"), again("web")]);
    assert.deepEqual(now.never, [before.never?.[0], "Failed", 0, undefined, 255]);
    assert.deepEqual(now.done, before.done);
    // An emptyDir belongs to the pod, which is the same.
    assert.equal(await cliOutput(berth, "exec", "always/main", "cat", "/data/starts"), "started\nstarted");
    await eventually(
      "the job has another pod, which succeeds",
      async () => {
        const [cut] = (await get("jobs")).filter(isOf("cut"));
        return cut.status.succeeded === 1 && cut.status.failed === 1;
      },
      { limitMs: 60_000 },
    );
    const same = (await get("jobs")).find((one: Listed) => one.metadata.uid === tick.metadata.uid);
    assert.deepEqual(same?.status, tick.status);
  });
});

type Ended = { readonly terminated?: { readonly exitCode: number } };

type Listed = {
  readonly metadata: { readonly name: string; readonly uid: string };
  readonly status: {
    readonly phase: string;
    readonly containerStatuses: readonly {
      readonly restartCount: number;
      readonly state: Ended;
      readonly lastState: Ended;
    }[];
  };
};

function isOf(prefix: string) {
  return ({ metadata }: Listed) => metadata.name.startsWith(prefix);
}
