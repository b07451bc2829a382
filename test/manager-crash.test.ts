/**
 * berthd is killed before each step of its pod manager: what was applied is nevertheless done, exactly once.
 */
import assert from "node:assert/strict";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { stringify } from "yaml";
import type { TestRegistry } from "../src/testing/registry.ts";
import { tempDir } from "../src/testing/temp-dir.ts";
import { startBusyboxRegistry } from "./support/busybox.ts";
import { cliOutput, startCli } from "./support/cli.ts";
import { eventually } from "./support/condition.ts";
import { CrashingBerth } from "./support/crashing-berth.ts";

const forEver = "trap 'exit 0' TERM; while true; do sleep 0.1; done";
const making = ["pod-files", "pod-cgroups", "pod-sandbox", "pod-sandbox-made"];
const starting = (name: string) =>
  ["image", "volumes", "container", "container-start", "container-started"].map(
    (step) => `pod-${step} ${name}`,
  );
const removing = [
  "pod-sandbox-removal",
  "pod-cgroups-removal",
  "pod-files-removal",
  "pod-removed",
  "remove Pod",
];

type Listed = { readonly metadata: object; readonly spec: object };

/** Fails after a time that only a broken manager needs. */
async function inTime(what: string, work: () => Promise<void>): Promise<void> {
  let done = false;
  const working = work().finally(() => {
    done = true;
  });
  await Promise.race([working, eventually(what, async () => done, { limitMs: 120_000, everyMs: 500 })]);
}

describe("a pod manager that is killed before each step", () => {
  const opened = new AsyncDisposableStack();
  let registry: TestRegistry & { readonly image: string };
  let host: CrashingBerth;
  let directory: string;
  let clean: readonly string[];

  before(async () => {
    registry = opened.use(await startBusyboxRegistry());
    directory = opened.use(await tempDir()).path;
    host = opened.use(
      await CrashingBerth.start({
        config: `[manager]\nlog_dir = ${JSON.stringify(join(directory, "logs"))}`,
      }),
    );
    await host.berth.pull(registry.image);
    // The first pod creates what all pods share.
    await apply(pod("first", "true"));
    await eventually("the first pod is over", async () => /Completed/.test(await output("get", "pods")));
    await output("delete", "pod", "first");
    clean = await host.traces();
    await writeFile(join(directory, "starts"), "");
  });
  after(() => opened.disposeAsync());

  const output = (...argv: readonly string[]) => cliOutput(host.berth, ...argv);
  const apply = (object: object, ...options: readonly string[]) =>
    startCli(host.berth, ["apply", ...options, "-"], { stdin: stringify(object) }).outcome;

  /** It records each of its starts, with its pod's name. */
  const noting = (name: string, script: string) => ({
    name,
    image: registry.image,
    imagePullPolicy: "IfNotPresent",
    command: ["sh", "-c", `echo $HOSTNAME ${name} >> /starts/starts; ${script}`],
    volumeMounts: [{ name: "starts", mountPath: "/starts" }],
  });
  const spec = (script: string, more: object = {}) => ({
    terminationGracePeriodSeconds: 2,
    volumes: [{ name: "starts", hostPath: { path: directory } }],
    containers: [noting("main", script)],
    ...more,
  });
  const pod = (name: string, script: string) => ({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name },
    spec: spec(script, { restartPolicy: "Never" }),
  });
  const objects = async () => {
    const { items } = JSON.parse(await output("get", "-o", "json")) as { readonly items: readonly Listed[] };
    return items.map(({ metadata, spec }) => ({ metadata, spec }));
  };
  const podNames = async () => (await output("get", "pods", "-q")).split("\n").filter((name) => name !== "");
  const starts = async () =>
    (await readFile(join(directory, "starts"), "utf8")).split("\n").filter((line) => line !== "");

  /** Waits for that many: a running container may not have reached its first line. */
  const startsOf = (count: number) =>
    eventually(`${count} containers have begun`, async () => {
      const lines = await starts();
      return lines.length >= count && lines;
    });

  /**
   * Kills the daemon before the first step, which the call causes, and each next daemon before the following
   * step, which it reaches by itself; then one survives.
   */
  const killBeforeEach = async (steps: readonly string[], call: () => Promise<unknown>) => {
    for (const [index, step] of steps.entries())
      await inTime(`a daemon comes to ${step}`, () =>
        host.cutAt(step, index === 0 ? call : () => host.berth.startDaemon()),
      );
    await host.berth.startDaemon();
  };
  /** A step before which nothing has been promised: the call fails, and nothing has changed. */
  const refusedAt = async (step: string, call: () => Promise<unknown>) => {
    const before = await objects();
    await killBeforeEach([step], call);
    assert.deepEqual(await objects(), before);
  };
  const nothingIsLeft = async () => {
    assert.equal(await output("ps", "-aq"), "");
    await host.returnsTo(clean);
    assert.deepEqual(await readdir(join(host.berth.root, "manager", "pods")), []);
  };

  describe("of a Deployment", () => {
    const deployment = () => ({
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: "web" },
      spec: {
        replicas: 2,
        // The old replica set is removed, too, once the new pods have replaced the old ones.
        revisionHistoryLimit: 0,
        selector: { matchLabels: { app: "web" } },
        template: {
          metadata: { labels: { app: "web" } },
          spec: spec(forEver, { initContainers: [noting("init", "true")] }),
        },
      },
    });
    const ready = () =>
      eventually("it is ready", async () => /web +2\/2 /.test(await output("get", "deployments")), {
        limitMs: 60_000,
      });
    /** Each container of that many pods has been started, exactly once. */
    const startedOnce = async (pods: number) => {
      const lines = await startsOf(2 * pods);
      assert.deepEqual(lines.toSorted(), [...new Set(lines)].toSorted());
      assert.equal(lines.length, 2 * pods, lines.join("\n"));
    };

    it("runs as many pods as it should have, with each container started once", async () => {
      await refusedAt("add Deployment", () => apply(deployment()));
      await killBeforeEach(
        [
          ...["add ReplicaSet", "add Pod", "change Pod scheduledAtNs", ...making],
          ...[...starting("init"), ...starting("main").slice(2)],
        ],
        () => apply(deployment()),
      );
      await ready();
      await startedOnce(2);
    });

    it("has other pods after a rollout, and the same number", async () => {
      const restart = () => startCli(host.berth, ["rollout", "restart", "deployment", "web"]).outcome;
      await refusedAt("change Deployment manifest generation", restart);
      const before = await podNames();
      await killBeforeEach(
        [
          ...["add ReplicaSet", "add Pod", "pod-container-started main"],
          ...["change ReplicaSet manifest generation", "change Pod deleting", "pod-container-stop main"],
          ...["remove Pod", "change ReplicaSet deleting", "remove ReplicaSet"],
        ],
        restart,
      );
      await ready();
      await eventually("the old pods are gone", async () => {
        const now = await podNames();
        return now.length === 2 && now.every((name) => !before.includes(name));
      });
      await startedOnce(4);
    });

    it("is gone after its deletion, with everything that it had", async () => {
      const remove = () => startCli(host.berth, ["delete", "deployment", "web"]).outcome;
      await refusedAt("change Deployment deleting", remove);
      await killBeforeEach(
        [
          ...["change ReplicaSet deleting", "change Pod deleting", "pod-container-stop main"],
          ...["pod-sandbox-stop", ...removing, "remove ReplicaSet", "remove Deployment"],
        ],
        remove,
      );
      await eventually("it is gone", async () => !(await output("get", "-o", "json")).includes('"web"'));
      await nothingIsLeft();
      await startedOnce(4);
    });
  });

  it("restarts all containers of a pod, init containers first, if a rule requires that", async () => {
    const script = `[ ! -e /starts/again ] || { ${forEver}; }; touch /starts/again; exit 42`;
    const rule = { action: "RestartAllContainers", exitCodes: { operator: "In", values: [42] } };
    const before = (await starts()).length;
    const again = {
      ...pod("again", ""),
      spec: spec("", {
        restartPolicy: "Never",
        initContainers: [noting("init", "true")],
        containers: [
          noting("other", forEver),
          { ...noting("main", `sleep 1; ${script}`), restartPolicy: "Never", restartPolicyRules: [rule] },
        ],
      }),
    };
    await killBeforeEach(
      ["init", "other", "main"].map((name) => `pod-container-removal ${name}`),
      () => apply(again),
    );
    await eventually("all run again", async () => {
      const lines = (await starts()).slice(before);
      return lines.length >= 6 && /again +2\/2/.test(await output("get", "pods"));
    });
    const lines = (await starts()).slice(before).map((line) => line.replace("again ", ""));
    assert.deepEqual(
      [lines.length, lines[0], lines[3], lines.slice(4).toSorted()],
      [6, "init", "init", ["main", "other"]],
    );
    const { status } = JSON.parse(await output("get", "pod", "again", "-o", "json"));
    const counts = [...status.initContainerStatuses, ...status.containerStatuses];
    assert.deepEqual(
      counts.map(({ name, restartCount }) => `${name} ${restartCount}`),
      ["init 1", "main 1", "other 1"],
    );
    await output("delete", "pod", "again");
    await nothingIsLeft();
  });

  it("runs the pods of a Job to its end, each once, and counts them once", async () => {
    const before = (await starts()).length;
    const job = {
      apiVersion: "batch/v1",
      kind: "Job",
      metadata: { name: "sum" },
      spec: { completions: 2, template: { spec: spec("true", { restartPolicy: "Never" }) } },
    };
    const over = ["pod-sandbox-stop", "pod-over", "change Pod status", "change Job status"];
    await refusedAt("add Job", () => apply(job));
    await killBeforeEach(
      [
        ...["change Job status", "add Pod", "pod-sandbox", "pod-container-started main", ...over],
        ...["add Pod", "change Pod status", "change Job status"],
      ],
      () => apply(job),
    );
    await eventually("it is complete", async () => /sum +Complete +2\/2/.test(await output("get", "jobs")));
    const lines = (await startsOf(before + 2)).slice(before);
    assert.deepEqual([lines.length, new Set(lines).size], [2, 2], lines.join("\n"));
    await output("delete", "job", "sum");
    await nothingIsLeft();
  });

  it("replaces a pod with another one, which is started once", async () => {
    const before = (await starts()).length + 1;
    await apply(pod("swapped", forEver));
    await startsOf(before);
    await eventually("it runs", async () => /swapped +1\/1/.test(await output("get", "pods")));
    const replace = () => apply(pod("swapped", `: other; ${forEver}`), "--replace");
    await refusedAt("change Pod deleting", replace);
    await killBeforeEach(
      [
        ...["pod-container-stop main", "pod-sandbox-stop", ...removing.slice(0, -1), "replace Pod"],
        ...["remove Pod", "change Pod scheduledAtNs", "pod-sandbox", "pod-container-started main"],
      ],
      replace,
    );
    await eventually("it runs again", async () => /swapped +1\/1/.test(await output("get", "pods")));
    assert.match(JSON.stringify(await objects()), /: other;/);
    assert.deepEqual((await startsOf(before + 1)).slice(before), ["swapped main"]);
    await output("delete", "pod", "swapped");
    await nothingIsLeft();
  });

  it("starts a pod that is never restarted with another image, once", async () => {
    const before = (await starts()).length + 1;
    await apply(pod("renewed", forEver));
    await startsOf(before);
    await eventually("it runs", async () => /renewed +1\/1/.test(await output("get", "pods")));
    const another = pod("renewed", forEver);
    // Another name of the same image.
    for (const one of another.spec.containers) one.image = registry.image.replace(/:latest$/, "");
    const renew = () => apply(another);
    await refusedAt("change Pod manifest generation", renew);
    await killBeforeEach(
      ["pod-container-stop main", "pod-container-removal main", ...starting("main").slice(2)],
      renew,
    );
    await startsOf(before + 1);
    await eventually("it runs again", async () => /renewed +1\/1 +Running/.test(await output("get", "pods")));
    assert.deepEqual((await starts()).slice(before), ["renewed main"]);
    await output("delete", "pod", "renewed");
    await nothingIsLeft();
  });
});
