/** berthd's pod manager: applied objects are stored, run, and continue after a restart of the daemon. */
import assert from "node:assert/strict";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { cpus, hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { stringify } from "yaml";
import { connectEndpoint } from "../src/clients/criclient/index.ts";
import { berthV1 } from "../src/ground/protocol/index.ts";
import { cli, cliOutput, startCli } from "./support/cli.ts";
import { eventually } from "./support/condition.ts";
import { ContainerdClients } from "./support/containerd.ts";
import { withBerth } from "./support/with-berth.ts";

const directory = join(tmpdir(), `berth-test-manifests-${process.pid}`);
const config = `
[manager]
manifest_dirs = [${JSON.stringify(join(directory, "manifests"))}]
log_dir = ${JSON.stringify(join(directory, "logs"))}
node_labels = { disk = "ssd" }
`;

describe("berthd's pod manager", () => {
  const host = withBerth({ config });
  after(() => rm(directory, { recursive: true, force: true }));
  const output = (...argv: readonly string[]) => cliOutput(host.berth, ...argv);
  const apply = async (...objects: readonly object[]) => {
    const text = objects.map((one) => stringify(one)).join("---\n");
    const { status, stdout, stderr } = await startCli(host.berth, ["apply", "-"], { stdin: text }).outcome;
    assert.equal(status, 0, stderr);
    return stdout.trimEnd().split("\n");
  };
  const shell = (script: string) => ({
    name: "main",
    image: host.image,
    imagePullPolicy: "IfNotPresent",
    command: ["sh", "-c", script],
  });
  const forEver = "trap 'exit 0' TERM; echo up; while true; do sleep 0.1; done";
  const workload = (kind: string, name: string, replicas: number, version = "1") => ({
    apiVersion: "apps/v1",
    kind,
    metadata: { name },
    spec: {
      ...(kind === "DaemonSet" ? {} : { replicas }),
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: {
          terminationGracePeriodSeconds: 2,
          containers: [{ ...shell(forEver), env: [{ name: "V", value: version }] }],
        },
      },
    },
  });
  const objects = async (kind: string) =>
    JSON.parse(await output("get", kind, "-o", "json")).items as readonly {
      readonly metadata: {
        readonly name: string;
        readonly uid: string;
        readonly deletionGracePeriodSeconds?: number;
        readonly deletionTimestamp?: string;
      };
      readonly spec: {
        readonly containers?: readonly { readonly env?: readonly { readonly value: string }[] }[];
      };
      readonly status: { readonly [key: string]: unknown };
      readonly data?: object;
    }[];
  const names = async (kind: string) => (await objects(kind)).map(({ metadata }) => metadata.name);
  const table = () => output("get");
  const ready = (name: string, count: number) =>
    eventually(
      `${name} is ready`,
      async () => new RegExp(`${name} +${count}/${count} `).test(await table()),
      {
        limitMs: 60_000,
      },
    );
  const containers = () => output("ps", "-q");
  /** Deletes objects at the end of a test, even if it fails. */
  const deletedAfter = (...objects: readonly string[]) => ({
    [Symbol.asyncDispose]: async () => void (await cli(host.berth, "delete", ...objects)),
  });

  it("keeps a Deployment at its size, and continues after the daemon was killed, with no container started twice", async () => {
    assert.deepEqual(await apply(workload("Deployment", "web", 2)), ["deployment/web created"]);
    await ready("web", 2);
    assert.deepEqual(await apply(workload("Deployment", "web", 2)), ["deployment/web unchanged"]);
    const before = await containers();
    await host.berth.restartDaemon("SIGKILL");
    await ready("web", 2);
    assert.equal(await containers(), before);
    const [victim = ""] = await names("pods");
    await output("delete", "pod", victim);
    await ready("web", 2);
    assert.equal((await names("pods")).includes(victim), false);
    assert.deepEqual(await apply(workload("Deployment", "web", 1)), ["deployment/web configured"]);
    await eventually("one is left", async () => (await names("pods")).length === 1);
  });

  it("recreates a pod whose task a client of containerd's API has killed", async () => {
    await apply({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "felled" },
      spec: { containers: [shell(forEver)] },
    });
    const sandboxes = async () =>
      (await output("pods", "-q", "--state", "ready", "--label", "io.kubernetes.pod.name=felled")).split(
        "\n",
      );
    await ready("felled", 1);
    const [before = ""] = await sandboxes();
    assert.notEqual(before, "");
    using clients = new ContainerdClients(host.berth.socket);
    const { tasks } = clients.in("k8s.io");
    await tasks.kill({ containerId: before, execId: "", signal: 9, all: false });
    await eventually(
      "another sandbox runs",
      async () => {
        const [after] = await sandboxes();
        return after !== undefined && after !== "" && after !== before;
      },
      { limitMs: 60_000 },
    );
    await ready("felled", 1);
    await output("delete", "pod", "felled");
  });

  it("replaces pods for a new template, and for rollout restart, without an interruption", async () => {
    const old = await names("pods");
    await apply(workload("Deployment", "web", 1, "2"));
    await eventually("the pod is another", async () => {
      const now = await names("pods");
      return now.length === 1 && now[0] !== old[0];
    });
    await ready("web", 1);
    const second = await names("pods");
    assert.equal(await output("rollout", "restart", "deployment", "web"), "deployment/web restarted");
    await eventually("the pod is another again", async () => {
      const now = await names("pods");
      return now.length === 1 && now[0] !== second[0];
    });
    await ready("web", 1);
    assert.match(await output("describe", "deployment", "web"), /restartedAt/);
    assert.match(
      await output("describe", "deployment", "web"),
      /^ +Normal +ScalingReplicaSet +\S+ +Scaled up replica set web-\S+ from 0 to 1$/m,
    );
    assert.match(await output("rollout", "status", "deployment", "web"), /^deployment\/web: rolled out$/m);
    const revisions = async () =>
      (await output("rollout", "history", "deploy/web")).match(/^\d+/gm)?.map(Number);
    assert.deepEqual(await revisions(), [1, 2, 3]);
    assert.match(
      await output("rollout", "undo", "deploy/web", "--to-revision", "1"),
      /^deployment\/web rolled back to revision 1$/,
    );
    await output("rollout", "status", "deploy/web");
    assert.deepEqual(await revisions(), [2, 3, 4]);
    assert.doesNotMatch(await output("rollout", "history", "deploy/web", "--revision", "4"), /restartedAt/);
    assert.match(await output("describe", "deployment", "web"), /deployment.kubernetes.io\/revision: 4/);
    assert.match(
      await output("rollout", "undo", "deploy/web", "--to-revision", "4"),
      /already has this template$/,
    );
    await output("delete", "deployment", "web");
    assert.deepEqual([await names("pods"), await names("rs"), await containers()], [[], [], ""]);
  });

  it("runs a StatefulSet's pods in order with stable names, and a DaemonSet's one", async () => {
    await apply(workload("StatefulSet", "db", 2), workload("DaemonSet", "agent", 1));
    await ready("db", 2);
    await ready("agent", 1);
    const [first, second] = ["db-0", "db-1"];
    const pods = await objects("pods");
    const started = (name: string | undefined) =>
      String(pods.find(({ metadata }) => metadata.name === name)?.status.startTime);
    assert.ok(started(first) <= started(second));
    await output("delete", "pod/db-0");
    await ready("db", 2);
    const uid = async () =>
      (await objects("pods")).find(({ metadata }) => metadata.name === "db-0")?.metadata.uid;
    assert.notEqual(await uid(), pods.find(({ metadata }) => metadata.name === "db-0")?.metadata.uid);
    // Those of the earlier pod are gone with it.
    assert.doesNotMatch(await output("describe", "pod", "db-0"), / Killing /);
    await output("delete", "sts/db", "ds/agent");
    assert.deepEqual(await names("pods"), []);
  });

  it("lists objects by kinds and labels, scales them, and finds containers by their creators", async () => {
    await using _ = deletedAfter("deploy/front", "deploy/back");
    await apply(workload("Deployment", "front", 1), workload("Deployment", "back", 1));
    await ready("front", 1);
    await ready("back", 1);
    assert.equal(await output("scale", "deploy/front", "--replicas", "2"), "deployment/front scaled");
    await ready("front", 2);
    const pods = await output("get", "pods", "-l", "app in (front)", "-o", "name");
    const [pod = ""] = pods.split("\n");
    await assert.rejects(output("scale", pod, "--replicas", "2"), /a Pod cannot be scaled/);
    await assert.rejects(
      output("scale", "deploy/front", "--replicas", "2147483648"),
      /replicas must be 2147483647 at most/,
    );
    assert.match(pods, /^(pod\/front-\S+\n?){2}$/);
    assert.match(await output("get", "all", "-o", "wide"), /Pod +back-.* \d+\.\d+\.\d+\.\d+ +- +\S+busybox/);
    assert.deepEqual((await output("get", "rs,deploy", "-q")).match(/^deployment\/.*/gm)?.sort(), [
      "deployment/back",
      "deployment/front",
    ]);
    assert.match(
      await output("get", "deployments", "--show-labels", "-l", "app!=front"),
      /^NAME +READY +UP-TO-DATE +AVAILABLE.*LABELS$/m,
    );
    const seenAll = new AbortController();
    using _watching = { [Symbol.dispose]: () => seenAll.abort() };
    const watching = startCli(host.berth, ["get", "deploy", "--watch"], { signal: seenAll.signal });
    let seen = "";
    watching.child.stdout?.on("data", (chunk: Buffer) => {
      seen += chunk;
    });
    await eventually("both are shown", async () => /back +1\/1/.test(seen) && /front +2\/2/.test(seen));
    assert.equal(await output("logs", "deploy/front"), "up");
    assert.match(await output("exec", "deployment/back/main", "--", "hostname"), /^back-/);
    await output("scale", "deploy/back", "--replicas", "0");
    await eventually("the change is shown", async () => /back +0\/0/.test(seen));
    seenAll.abort();
    await watching.outcome;
    await eventually("its pod is gone", async () =>
      (await names("pods")).every((name) => !name.startsWith("back")),
    );
    await assert.rejects(output("logs", "deploy/back"), /Deployment default\/back has no pods/);
    await assert.rejects(output("delete", "all", "--all"), /need kinds/);
    await output("delete", "deployments", "--all");
    assert.deepEqual([await names("pods"), await names("rs")], [[], []]);
  });

  it("keeps a StatefulSet's data in its pods' own claims", async () => {
    const set = workload("StatefulSet", "store", 2);
    const { template } = set.spec;
    const [container] = template.spec.containers;
    const mounting = {
      ...container,
      command: ["sh", "-c", `[ -e /data/name ] || hostname > /data/name; ${forEver}`],
      volumeMounts: [{ name: "data", mountPath: "/data" }],
    };
    const claim = { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Mi" } } };
    const volumeClaimTemplates = [{ metadata: { name: "data" }, spec: claim }];
    const spec = { ...template.spec, containers: [mounting] };
    await using _ = deletedAfter("sts/store", "pvc/data-store-0", "pvc/data-store-1");
    await apply({ ...set, spec: { ...set.spec, volumeClaimTemplates, template: { ...template, spec } } });
    await ready("store", 2);
    const stored = (pod: string) => output("exec", `${pod}/main`, "cat", "/data/name");
    for (const pod of ["store-0", "store-1"])
      await eventually("it is written", async () => (await stored(pod)) === pod);
    await output("exec", "store-1/main", "sh", "-c", "echo more >> /data/name");
    await output("delete", "pod", "store-1");
    await ready("store", 2);
    assert.equal(await stored("store-1"), "store-1\nmore");
    await output("delete", "sts", "store");
    assert.deepEqual(await names("pvc"), ["data-store-0", "data-store-1"]);
  });

  it("does not schedule a pod without its claim, and keeps a claim that is deleted as long as a pod has it", async () => {
    const claim = {
      apiVersion: "v1",
      kind: "PersistentVolumeClaim",
      metadata: { name: "kept" },
      spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Mi" } } },
    };
    const pod = (name: string) => ({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name },
      spec: {
        terminationGracePeriodSeconds: 2,
        containers: [{ ...shell(forEver), volumeMounts: [{ name: "data", mountPath: "/data" }] }],
        volumes: [{ name: "data", persistentVolumeClaim: { claimName: "kept" } }],
      },
    });
    await using _ = deletedAfter("pod/user", "pod/late", "pvc/kept");
    const waits = (name: string, why: string) =>
      eventually(`${name} waits`, async () =>
        new RegExp(
          `FailedScheduling +\\d+s +0/1 nodes are available: persistentvolumeclaim "kept" ${why}\\.`,
        ).test(await output("describe", "pod", name)),
      );
    await apply(pod("user"));
    await waits("user", "not found");
    assert.match(await output("get", "pod", "user"), /user +0\/1 +Pending /);
    await apply(claim);
    await ready("user", 1);
    assert.match(await output("get", "pvc"), /kept +Bound +1Mi +RWO /);
    assert.match(await output("describe", "pvc", "kept"), /^Used By: +user$/m);
    const deleting = startCli(host.berth, ["delete", "pvc", "kept"]);
    await eventually("it is being deleted", async () =>
      /kept +Terminating /.test(await output("get", "pvc")),
    );
    await apply(pod("late"));
    await waits("late", "is being deleted");
    await output("delete", "pod", "user");
    assert.equal((await deleting.outcome).status, 0);
    await waits("late", "not found");
    assert.deepEqual(await names("pvc"), []);
  });

  it("goes back to an earlier template of a StatefulSet and of a DaemonSet", async () => {
    const version = async (name: string) => {
      const pod = (await objects("pods")).find(({ metadata }) => metadata.name.startsWith(name));
      return pod?.spec.containers?.[0]?.env?.[0]?.value;
    };
    for (const [kind, name] of [
      ["StatefulSet", "db"],
      ["DaemonSet", "agent"],
    ] as const) {
      const rollout = (...words: readonly string[]) => output("rollout", ...words, `${kind}/${name}`);
      await apply(workload(kind, name, 1));
      await rollout("status");
      await apply(workload(kind, name, 1, "2"));
      await rollout("status");
      assert.equal(await version(name), "2");
      assert.match(await rollout("history"), /^1 .*\n2 /m);
      assert.match(await rollout("undo"), /rolled back to revision 1$/);
      await rollout("status");
      assert.equal(await version(name), "1");
      assert.match(await rollout("history"), /^2 .*\n3 /m);
      assert.match(await rollout("undo", "--to-revision", "3"), /already has this template$/);
      await output("delete", kind, name);
    }
    assert.deepEqual(await names("controllerrevisions"), []);
  });

  it("runs a Job's pods to the requested number of successes, and fails one whose pods fail", async () => {
    const job = (name: string, script: string, more: object) => ({
      apiVersion: "batch/v1",
      kind: "Job",
      metadata: { name },
      spec: { ...more, template: { spec: { restartPolicy: "Never", containers: [shell(script)] } } },
    });
    await apply(
      job("count", "echo $JOB_COMPLETION_INDEX", {
        completions: 3,
        parallelism: 2,
        completionMode: "Indexed",
      }),
      job("broken", "exit 3", { backoffLimit: 0 }),
    );
    const ended = (name: string, state: string) =>
      eventually(`${name} is ${state}`, async () => new RegExp(`${name} .* ${state} `).test(await table()));
    await ended("count", "Complete");
    await ended("broken", "Failed");
    assert.match(await output("describe", "job/broken"), /BackoffLimitExceeded/);
    assert.match(await table(), /Job +count +3\/3/);
    await output("delete", "job", "count", "broken");
    assert.deepEqual(await names("pods"), []);
  });

  it("keeps the old pods of a rollout that makes no progress, even if the daemon restarts", async () => {
    await apply(workload("Deployment", "slow", 2));
    await ready("slow", 2);
    const old = await names("pods");
    const next = workload("Deployment", "slow", 2, "2");
    const [container] = next.spec.template.spec.containers;
    Object.assign(container ?? {}, { readinessProbe: { exec: { command: ["false"] } } });
    await apply(next);
    await eventually("a new one is there", async () => (await names("pods")).length === 3);
    await host.berth.restartDaemon();
    await ready("slow", 2);
    assert.deepEqual(
      old.filter((name) => name.startsWith("slow")).sort(),
      (await names("pods")).filter((name) => old.includes(name)).sort(),
    );
    assert.match(
      await output("rollout", "status", "deploy/slow", "--no-watch"),
      /: 1 of 2 pods are new ones$/,
    );
    await output("rollout", "undo", "deploy/slow");
    await output("rollout", "status", "deploy/slow");
    await eventually("the new one is gone", async () => (await names("pods")).length === 2);
    assert.deepEqual((await names("pods")).sort(), old.filter((name) => name.startsWith("slow")).sort());
    await output("delete", "deployment", "slow");
  });

  it("does not run a finished pod again, even if the runtime has lost it and the daemon restarts", async () => {
    const metadata = { name: "once" };
    const spec = { restartPolicy: "Never", containers: [shell("true")] };
    await apply({ apiVersion: "v1", kind: "Pod", metadata, spec });
    const state = async () => (await objects("pods"))[0]?.status.phase;
    await eventually("it has succeeded", async () => (await state()) === "Succeeded");
    await output("rm", "--type", "pod", "--force", "once");
    await host.berth.restartDaemon();
    await apply({ apiVersion: "v1", kind: "Pod", metadata: { name: "later" }, spec });
    await eventually("one after it has succeeded", async () =>
      /Pod +later +0\/1 +Completed/.test(await table()),
    );
    assert.match(await table(), /Pod +once +0\/1 +Completed/);
    assert.doesNotMatch(await output("pods"), /once/);
    await output("delete", "pod", "once", "later");
  });

  it("runs the manifests in a directory, and removes objects that are no longer there", async () => {
    const manifests = join(directory, "manifests");
    await mkdir(manifests, { recursive: true });
    // A missing directory is only checked periodically; this one exists from the daemon's start.
    await host.berth.restartDaemon();
    const pod = {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "static" },
      spec: { terminationGracePeriodSeconds: 2, containers: [shell(forEver)] },
    };
    await writeFile(join(manifests, "static.yaml"), stringify(pod));
    await ready("static", 1);
    const service = (name: string) => {
      const spec = { type: "NodePort", ports: [{ port: 80, nodePort: 30_099 }] };
      return stringify({ apiVersion: "v1", kind: "Service", metadata: { name }, spec });
    };
    await writeFile(join(manifests, "clash.yaml"), `${service("one")}---\n${service("two")}`);
    const other = { ...pod, metadata: { name: "unharmed" } };
    await writeFile(join(manifests, "unharmed.yaml"), stringify(other));
    await ready("unharmed", 1);
    assert.match(await host.berth.daemonLog(), /Service default\/two cannot have the nodePort 30099/);
    for (const file of ["clash", "unharmed"]) await rm(join(manifests, `${file}.yaml`));
    await writeFile(join(manifests, "broken.yaml"), "kind: Nothing\n");
    await rm(join(manifests, "static.yaml"));
    await rm(join(manifests, "broken.yaml"));
    await eventually("it is gone", async () => (await names("pods")).length === 0);
  });

  it("rejects immutable changes, together with the whole request", async () => {
    const pod = (script: string) => ({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "fixed" },
      spec: { terminationGracePeriodSeconds: 1, containers: [shell(script)] },
    });
    await apply(pod(forEver));
    const text = `${stringify({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "new" }, data: {} })}---\n${stringify(pod("sleep 5"))}`;
    const refused = await startCli(host.berth, ["apply", "-"], { stdin: text }).outcome;
    assert.equal(refused.status, 1);
    assert.match(
      refused.stderr,
      /Pod default\/fixed has another specification and cannot be changed; delete it first, or recreate it with `berth apply --replace`/,
    );
    assert.deepEqual(await names("cm"), []);
    const replaced = await startCli(host.berth, ["apply", "--replace", "-f", "-"], { stdin: text }).outcome;
    assert.deepEqual(replaced.stdout, "configmap/new created\npod/fixed replaced\n");
    const sealed = (value: string) => {
      const object = {
        apiVersion: "v1",
        kind: "ConfigMap",
        metadata: { name: "new" },
        data: { value },
        immutable: true,
      };
      return startCli(host.berth, ["apply", "-"], { stdin: stringify(object) }).outcome;
    };
    assert.equal((await sealed("1")).status, 0);
    assert.match((await sealed("2")).stderr, /ConfigMap default\/new has another specification/);
    const absent = await cli(host.berth, "delete", "pod/none", "pod/fixed", "cm/new", "cm/none");
    assert.deepEqual(
      [absent.status, absent.stderr.split("\n").sort()],
      [3, ["", "berth: ConfigMap default/none not found", "berth: Pod default/none not found"]],
    );
    assert.equal((await cli(host.berth, "get", "pod", "fixed")).status, 3);
  });

  it("continues a replacement after the daemon was killed while the old pod was stopping", async () => {
    const pod = (script: string) => ({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "swapped" },
      spec: { terminationGracePeriodSeconds: 3, containers: [shell(script)] },
    });
    await apply(pod("trap '' TERM; echo old; while true; do sleep 0.1; done"));
    await ready("swapped", 1);
    const [old] = await objects("pods");
    const stdin = stringify(pod(forEver));
    const replacing = startCli(host.berth, ["apply", "--replace", "-"], { stdin });
    const leaving = await eventually("the old one is ending", async () =>
      (await objects("pods")).find(({ metadata }) => metadata.deletionTimestamp !== undefined),
    );
    assert.equal(leaving.metadata.deletionGracePeriodSeconds, 3);
    assert.ok(Date.parse(leaving.metadata.deletionTimestamp ?? "") > Date.now() - 60_000);
    await host.berth.restartDaemon("SIGKILL");
    assert.notEqual((await replacing.outcome).status, 0);
    await eventually(
      "another is there",
      async () => (await objects("pods"))[0]?.metadata.uid !== old?.metadata.uid,
    );
    await ready("swapped", 1);
    assert.equal(await output("logs", "swapped"), "up");
    await output("delete", "pod", "swapped");
  });

  it("lets a pod wait with the reason while there is no room for it, even across a restart, and then runs it", async () => {
    const pod = (name: string, more: object, container: object = {}) => ({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name },
      spec: {
        terminationGracePeriodSeconds: 1,
        ...more,
        containers: [{ ...shell(forEver), ...container }],
      },
    });
    const most = { resources: { requests: { cpu: `${cpus().length * 600}m` } } };
    const ports = { ports: [{ containerPort: 80, hostPort: 30_801 }] };
    const selecting = (disk: string) => ({ nodeSelector: { disk, "kubernetes.io/hostname": hostname() } });
    await apply(pod("first", {}, most), pod("listener", {}, ports), pod("labelled", selecting("ssd")));
    for (const name of ["first", "listener", "labelled"]) await ready(name, 1);
    await apply(pod("second", {}, most), pod("other", {}, ports), pod("elsewhere", selecting("tape")));
    const why = async (name: string) => {
      const found = (await objects("pods")).find((one) => one.metadata.name === name);
      assert.ok(found !== undefined);
      const [condition] = found.status.conditions as readonly Record<string, unknown>[];
      return [found.status.phase, condition?.type, condition?.status, condition?.reason, condition?.message];
    };
    const waits = (message: string) => [
      "Pending",
      "PodScheduled",
      "False",
      "Unschedulable",
      `0/1 nodes are available: 1 ${message}.`,
    ];
    for (const beforeAndAfter of [true, false]) {
      await eventually("it waits", async () => (await why("second"))[0] === "Pending");
      assert.deepEqual(await why("second"), waits("Insufficient cpu"));
      assert.deepEqual(
        await why("other"),
        waits("node(s) didn't have free ports for the requested pod ports"),
      );
      assert.deepEqual(await why("elsewhere"), waits("node(s) didn't match Pod's node affinity/selector"));
      if (beforeAndAfter) await host.berth.restartDaemon("SIGKILL");
      await ready("first", 1);
    }
    assert.match(await output("describe", "pod/second"), /FailedScheduling +\d+s.* 0\/1 nodes are available/);
    await output("delete", "pod", "first", "listener", "elsewhere");
    for (const name of ["second", "other"]) await ready(name, 1);
    await output("delete", "pod", "second", "other", "labelled");
  });

  it("adds a container to a running pod, which sees another one's processes, is started once and removed with the pod", async () => {
    const spec = { terminationGracePeriodSeconds: 1, containers: [shell(forEver)] };
    await apply({ apiVersion: "v1", kind: "Pod", metadata: { name: "looked-at" }, spec });
    await ready("looked-at", 1);
    const debug = (...more: readonly string[]) => ["debug", "looked-at", "--image", host.image, ...more];
    const script = "cat; tr '\\0' ' ' < /proc/1/cmdline; exit 3";
    const looking = startCli(
      host.berth,
      debug(
        "-i",
        "-c",
        "tools",
        "--target",
        "main",
        "--image-pull-policy",
        "Never",
        "--",
        "sh",
        "-c",
        script,
      ),
      { stdin: "heard" },
    );
    const { status, stdout, stderr } = await looking.outcome;
    assert.equal(status, 3, stderr);
    assert.match(stdout, /^heard *sh -c trap 'exit 0' TERM/);
    const shown = async () => (await objects("pods")).find(({ metadata }) => metadata.name === "looked-at");
    const of = async (name: string) => {
      const statuses = (await shown())?.status.ephemeralContainerStatuses as readonly {
        readonly name: string;
        readonly restartCount: number;
        readonly state: object;
      }[];
      return statuses.find((one) => one.name === name);
    };
    await eventually("it has ended", async () => JSON.stringify(await of("tools")).includes('"exitCode":3'));
    await host.berth.restartDaemon("SIGKILL");
    await ready("looked-at", 1);
    assert.equal((await of("tools"))?.restartCount, 0);
    assert.equal(await output(...debug("-c", "second", "--", "sleep", "1000")), "second");
    await eventually("another runs", async () => JSON.stringify(await of("second")).includes("running"));
    assert.equal((await shown())?.status.phase, "Running");
    const again = await cli(host.berth, ...debug("-c", "second", "--target", "nobody"));
    assert.match(again.stderr, /no container "nobody"/);
    assert.match(again.stderr, /two containers are named "second"/);
    assert.deepEqual(await apply({ apiVersion: "v1", kind: "Pod", metadata: { name: "looked-at" }, spec }), [
      "pod/looked-at unchanged",
    ]);
    const manifest = await output("generate", "kube", "looked-at");
    assert.doesNotMatch(manifest, /tools|status|uid/);
    const applied = await startCli(host.berth, ["apply", "-"], { stdin: manifest }).outcome;
    assert.equal(applied.stdout, "pod/looked-at unchanged\n");
    await output("delete", "pod", "looked-at");
    assert.equal(await containers(), "");
  });

  it("keeps the pod of a run that is to be restarted, and restarts it", async () => {
    const script = "echo up; sleep 0.2";
    const flags = ["--name", "kept", "--restart", "always", "--pull", "never"];
    assert.equal(await output("run", "-d", ...flags, host.image, "sh", "-c", script), "pod/kept created");
    await eventually("it was started again", async () => {
      const [pod] = (await objects("pods")).filter(({ metadata }) => metadata.name === "kept");
      const [main] = (pod?.status.containerStatuses ?? []) as readonly { readonly restartCount: number }[];
      return (main?.restartCount ?? 0) > 0;
    });
    await output("delete", "pod", "kept");
  });

  it("writes manifests that change nothing if they are applied again", async () => {
    const service = { type: "NodePort", ports: [{ port: 80 }], selector: { app: "written" } };
    const written = ["deployment/written", "service/written", "secret/written"];
    await using _ = deletedAfter(...written);
    await apply(
      workload("Deployment", "written", 1),
      { apiVersion: "v1", kind: "Service", metadata: { name: "written" }, spec: service },
      { apiVersion: "v1", kind: "Secret", metadata: { name: "written" }, stringData: { key: "text" } },
    );
    await ready("written", 1);
    assert.deepEqual((await objects("secrets"))[0]?.data, { key: "dGV4dA==" });
    await eventually("the service has its node port", async () =>
      /nodePort: 3/.test(await output("get", "service", "written", "-o", "yaml")),
    );
    for (const name of written) {
      const manifest = await output("generate", "kube", name);
      assert.doesNotMatch(manifest, /clusterIP|ipFamil|nodePort|revision/);
      const { stdout, stderr } = await startCli(host.berth, ["apply", "-"], { stdin: manifest }).outcome;
      assert.equal(stdout, `${name} unchanged\n`, stderr);
    }
    const refused = await cli(host.berth, "delete", "-");
    assert.match(refused.stderr, /to delete the objects of manifests, use -f -/);
  });

  it("tells its clients which objects and fields of theirs have no effect", async () => {
    await using client = await connectEndpoint(host.berth.socket, {
      signal: new AbortController().signal,
      timeoutMs: 60_000,
    });
    const manifests = [
      { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "left-out" } },
      { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "told" }, dta: {} },
    ].map((manifest) => JSON.stringify(manifest));
    const request = berthV1.ApplyObjectsRequest.fromPartial({ manifests, dryRun: true });
    const { objects, warnings } = await client.unary(berthV1.ManagerService.applyObjects, request);
    assert.deepEqual(
      objects.map(({ object }) => object?.name),
      ["told"],
    );
    assert.match(warnings[0] ?? "", /^manifest 1:.* kind: ServiceAccount has no effect here: /);
    assert.match(warnings[1] ?? "", /^manifest 2:.* dta: unknown field, ignored$/);
    assert.equal(warnings.length, 2);
  });

  it("shows values of a Secret only if requested", async () => {
    const secret = {
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name: "hidden" },
      stringData: { password: "hunter2" },
    };
    await apply(secret);
    assert.doesNotMatch(await output("describe", "secret/hidden"), /hunter2/);
    const wrong = { ...secret, stringData: { password: 47_110_815_000 } };
    const refused = await startCli(host.berth, ["apply", "-"], { stdin: stringify(wrong) }).outcome;
    assert.match(refused.stderr, /stringData\.password: must be a string, not a number/);
    assert.doesNotMatch(`${refused.stderr}${await host.berth.daemonLog()}`, /hunter2|47110815/);
    await output("delete", "secret", "hidden");
  });
});
