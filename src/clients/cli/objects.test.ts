/** Which of the manager's objects commands mean. */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { EngineError } from "../../engines/engine/index.ts";
import { until } from "../../testing/until.ts";
import { type Endpoint, serveCli } from "./testing/cli.ts";
import { addContainer, addPod } from "./testing/objects.ts";

const names = (endpoint: Endpoint) => endpoint.objects.list({ asApplied: false }).map(({ name }) => name);

test("delete accepts manifests or a selection, not both", async () => {
  await using endpoint = await serveCli();
  endpoint.objects.add("ConfigMap", "a");
  const file = join(endpoint.dir, "a.yaml");
  await writeFile(file, "{ apiVersion: v1, kind: ConfigMap, metadata: { name: a }, data: {} }");
  for (const more of [["-l", "app=x"], ["--all"]]) {
    const { status, stderr } = await endpoint.run(["delete", "-f", file, ...more]);
    assert.equal(status, 2);
    assert.match(stderr, /leave out --selector and --all/);
  }
  assert.deepEqual(names(endpoint), ["a"]);
  assert.equal((await endpoint.run(["delete", "-f", file])).stdout, "configmap/a deleted\n");
});

test("delete tolerates that a selected object has been deleted by somebody else", async () => {
  await using endpoint = await serveCli();
  const { objects } = endpoint;
  const labels = { app: "web" };
  for (const name of ["a", "gone"]) objects.add("ConfigMap", name, { labels });
  objects.add("ConfigMap", "c", { namespace: "other", labels });
  const { delete: remove } = objects;
  objects.delete = async (object, ...more) => {
    if (object.name === "gone") throw new EngineError("NotFound", "gone");
    await remove(object, ...more);
  };
  const chosen = await endpoint.run(["delete", "cm", "-l", "app=web"]);
  assert.deepEqual(chosen, { status: 0, stdout: "configmap/a deleted\n", stderr: "" });
  assert.deepEqual(await endpoint.run(["delete", "cm", "--all"]), { status: 0, stdout: "", stderr: "" });
  assert.deepEqual(names(endpoint), ["gone", "c"]);
  assert.equal((await endpoint.run(["delete", "cm", "gone"])).status, 3);
  const none = await endpoint.run(["delete", "cm", "-l", "app=other"]);
  assert.deepEqual(none, { status: 0, stdout: "No resources found\n", stderr: "" });
  assert.deepEqual(await endpoint.run(["delete", "cm", "other", "--ignore-not-found"]), none);
});

test("get shows the objects of a namespace, and namespaces themselves on request", async () => {
  await using endpoint = await serveCli();
  endpoint.objects.add("Namespace", "shop", { namespace: "" });
  endpoint.objects.add("ConfigMap", "a");
  endpoint.objects.add("ConfigMap", "b", { namespace: "shop" });
  const shown = async (...argv: string[]) => (await endpoint.run(["get", "-q", ...argv])).stdout;
  assert.equal(await shown(), "configmap/a\n");
  assert.equal(await shown("-n", "shop", "cm"), "configmap/b\n");
  assert.equal(await shown("cm,ns"), "configmap/a\nnamespace/shop\n");
  assert.equal(await shown("cm/a", "ns/shop"), "configmap/a\nnamespace/shop\n");
  assert.equal(await shown("-A"), "configmap/a\nconfigmap/b\nnamespace/shop\n");
});

test("get refuses a name with all namespaces, which may have several objects of it", async () => {
  await using endpoint = await serveCli();
  endpoint.objects.add("ConfigMap", "a");
  const { status, stderr } = await endpoint.run(["get", "-A", "cm", "a", "-o", "json"]);
  assert.equal(status, 2);
  assert.match(stderr, /leave out --all-namespaces/);
});

test("get --watch --quiet prints names only", async () => {
  await using endpoint = await serveCli();
  endpoint.objects.add("ConfigMap", "a");
  for (const format of [["-q"], ["-o", "name"]]) {
    const interrupt = new AbortController();
    const watching = endpoint.start(["get", "-w", ...format], { signal: interrupt.signal });
    await until(() => watching.io.stdout.text().includes("\n"));
    interrupt.abort();
    assert.equal(await watching.status, 130);
    assert.equal(watching.io.stdout.text(), "configmap/a\n");
  }
  assert.equal((await endpoint.run(["get", "-w", "-o", "json"])).status, 2);
});

test("get --watch of a name continues when the object is deleted, and shows a new one of that name", async () => {
  await using endpoint = await serveCli();
  const { objects } = endpoint;
  const argv = ["get", "cm", "a", "-w", "-o", "name"];
  assert.equal((await endpoint.run(argv)).status, 3);
  objects.add("ConfigMap", "a");
  const { list } = objects;
  let looksInVain = 0;
  objects.list = (options) => {
    const listed = list(options);
    if (listed.length === 0) looksInVain += 1;
    return listed;
  };
  const interrupt = new AbortController();
  const watching = endpoint.start(argv, { signal: interrupt.signal });
  await until(() => watching.io.stdout.text() === "configmap/a\n");
  objects.remove("ConfigMap", "a");
  await until(() => looksInVain > 0);
  objects.add("ConfigMap", "a");
  await until(() => watching.io.stdout.text() === "configmap/a\nconfigmap/a\n");
  interrupt.abort();
  await watching.status;
});

test("get --watch shows an object that is gone once more", async () => {
  await using endpoint = await serveCli();
  endpoint.objects.add("ConfigMap", "a");
  endpoint.objects.add("ConfigMap", "b");
  const interrupt = new AbortController();
  const watching = endpoint.start(["get", "cm", "-w"], { signal: interrupt.signal });
  const lines = () => watching.io.stdout.text().trimEnd().split("\n");
  await until(() => lines().length === 3);
  endpoint.objects.remove("ConfigMap", "a");
  await until(() => lines().length === 4);
  assert.match(lines()[3] ?? "", /^a +0 +Deleted$/);
  interrupt.abort();
  await watching.status;
});

test("get --watch with labels shows an object that has other ones once more, and not as deleted", async () => {
  await using endpoint = await serveCli();
  endpoint.objects.add("Service", "a", { labels: { app: "web" }, spec: { clusterIP: "10.0.0.1" } });
  endpoint.objects.add("Service", "b", { labels: { app: "web" }, spec: { clusterIP: "10.0.0.2" } });
  const interrupt = new AbortController();
  const argv = ["get", "services", "-l", "app=web", "-w"];
  const watching = endpoint.start(argv, { signal: interrupt.signal });
  const lines = () => watching.io.stdout.text().trimEnd().split("\n");
  await until(() => lines().length === 3);
  endpoint.objects.relabel("Service", "a", { app: "another" });
  await until(() => lines().length === 4);
  assert.match(lines()[3] ?? "", /^a +ClusterIP +10\.0\.0\.1 /);
  interrupt.abort();
  await watching.status;
});

test("logs and exec of an object in a namespace use the pod's default container", async () => {
  await using endpoint = await serveCli();
  const { objects, engine } = endpoint;
  const namespace = "shop";
  const deployment = objects.add("Deployment", "web", { namespace });
  const set = objects.add("ReplicaSet", "web-1", { namespace, owner: deployment });
  const annotations = { "kubectl.kubernetes.io/default-container": "second" };
  const spec = { containers: [{ name: "first" }, { name: "second" }] };
  objects.add("Pod", "web-1-x", { namespace, owner: set, annotations, spec });
  addPod(endpoint, "aa", "web-1-x", { namespace });
  for (const [index, name] of ["first", "second"].entries()) {
    const logPath = join(endpoint.dir, `${name}.log`);
    await writeFile(logPath, `2026-03-01T08:00:00Z stdout F ${name}\n`);
    addContainer(endpoint, `c${index}`, name, "aa", { logPath });
  }
  const log = async (name: string) => (await endpoint.run(["logs", name])).stdout;
  assert.equal(await log("shop/deploy/web"), "second\n");
  assert.equal(await log("shop/deploy/web/first"), "first\n");
  engine.exec = async (args) => ({ exitCode: 0, stdout: Buffer.from(args.join()), stderr: Buffer.of() });
  assert.equal((await endpoint.run(["exec", "--timeout", "3s", "shop/deploy/web", "a"])).stdout, "a");
  assert.equal((await endpoint.run(["logs", "deploy/web"])).status, 3);
});

test("logs of a pod whose default container does not exist shows the first", async () => {
  await using endpoint = await serveCli();
  const annotations = { "kubectl.kubernetes.io/default-container": "none" };
  endpoint.objects.add("Pod", "web", { annotations, spec: { containers: [{ name: "first" }] } });
  addPod(endpoint, "aa", "web");
  const logPath = join(endpoint.dir, "first.log");
  await writeFile(logPath, "2026-03-01T08:00:00Z stdout F first\n");
  addContainer(endpoint, "c0", "first", "aa", { logPath });
  addContainer(endpoint, "c1", "other", "aa");
  assert.equal((await endpoint.run(["logs", "pod/web"])).stdout, "first\n");
});

test("of an object's pods the first is taken that is running, ready and not being deleted, then the oldest", async () => {
  await using endpoint = await serveCli();
  const { objects } = endpoint;
  const labels = { app: "web" };
  objects.add("Service", "web", { spec: { selector: labels } });
  const ready = [{ type: "Ready", status: "True" }];
  const pods = {
    pending: { status: { phase: "Pending" }, createdAtNs: 1n },
    unready: { status: { phase: "Running" }, createdAtNs: 2n },
    deleting: { status: { phase: "Running", conditions: ready }, deleting: true, createdAtNs: 3n },
    newer: { status: { phase: "Running", conditions: ready }, createdAtNs: 5n },
    older: { status: { phase: "Running", conditions: ready }, createdAtNs: 4n },
  };
  const worstFirst = ["pending", "unready", "deleting", "newer", "older"] as const;
  for (const [index, name] of worstFirst.entries()) {
    objects.add("Pod", name, { labels, spec: { containers: [{ name: "app" }] }, ...pods[name] });
    addPod(endpoint, `a${index}`, name);
    const logPath = join(endpoint.dir, `${name}.log`);
    await writeFile(logPath, `2026-03-01T08:00:00Z stdout F ${name}\n`);
    addContainer(endpoint, `c${index}`, "app", `a${index}`, { logPath });
  }
  for (const name of worstFirst.toReversed()) {
    assert.equal((await endpoint.run(["logs", "svc/web"])).stdout, `${name}\n`);
    objects.remove("Pod", name);
  }
});

test("pod/NAME is also a pod that is not the manager's", async () => {
  await using endpoint = await serveCli();
  addPod(endpoint, "aa", "web");
  addPod(endpoint, "bb", "db", { namespace: "shop" });
  for (const [index, name] of ["web", "db"].entries()) {
    const logPath = join(endpoint.dir, `${name}.log`);
    await writeFile(logPath, `2026-03-01T08:00:00Z stdout F ${name}\n`);
    addContainer(endpoint, `c${index}`, "app", index === 0 ? "aa" : "bb", { logPath });
  }
  for (const [argument, log] of [
    ["pod/web", "web\n"],
    ["po/web/app", "web\n"],
    ["shop/pod/db", "db\n"],
    ["shop/pods/db/app", "db\n"],
  ] as const)
    assert.equal((await endpoint.run(["logs", argument])).stdout, log, argument);
  assert.equal((await endpoint.run(["logs", "pod/db"])).status, 3);
  assert.equal((await endpoint.run(["logs", "deploy/web"])).status, 3);
});

test("a service without a selector has no pods", async () => {
  await using endpoint = await serveCli();
  const { objects } = endpoint;
  objects.add("Pod", "web", { spec: { containers: [{ name: "app" }] } });
  objects.add("Service", "bare", { spec: { selector: {} } });
  addPod(endpoint, "aa", "web");
  addContainer(endpoint, "c0", "app", "aa");
  const { status, stderr } = await endpoint.run(["logs", "svc/bare"]);
  assert.deepEqual([status, stderr], [3, "berth: Service default/bare has no pods\n"]);
});

test("describe of several objects lists their namespace once", async () => {
  await using endpoint = await serveCli();
  const { objects } = endpoint;
  objects.add("Namespace", "shop", { namespace: "" });
  for (const name of ["a", "b"]) objects.add("ConfigMap", name);
  const { list } = objects;
  let listed = 0;
  objects.list = (...args) => {
    listed++;
    return list(...args);
  };
  const described = await endpoint.run(["describe", "cm/a", "cm/b"]);
  assert.deepEqual(
    described.stdout.match(/^Name: +.*/gm)?.map((line) => line.slice(-1)),
    ["a", "b"],
  );
  assert.equal(listed, 1);
  assert.match((await endpoint.run(["describe", "ns", "shop"])).stdout, /^Name: +shop$/m);
  const missing = await endpoint.run(["describe", "ns", "none"]);
  assert.deepEqual([missing.status, missing.stderr], [3, "berth: Namespace none not found\n"]);
});

test("what exists of several names is shown, and each other one is an error", async () => {
  await using endpoint = await serveCli();
  for (const name of ["a", "c"]) endpoint.objects.add("ConfigMap", name);
  const stderr = "berth: ConfigMap default/b not found\nberth: ConfigMap default/d not found\n";
  const names = ["cm/a", "cm/b", "cm/c", "cm/d"];
  const named = await endpoint.run(["get", "-o", "name", ...names]);
  assert.deepEqual(named, { status: 3, stdout: "configmap/a\nconfigmap/c\n", stderr });
  const described = await endpoint.run(["describe", ...names]);
  assert.deepEqual([described.status, described.stderr], [3, stderr]);
  assert.deepEqual(described.stdout.match(/(?<=^Name: +)\w/gm), ["a", "c"]);
  const none = await endpoint.run(["get", "cm/b", "-o", "json"]);
  assert.deepEqual(none, { status: 3, stdout: "", stderr: "berth: ConfigMap default/b not found\n" });
  const space = await endpoint.run(["get", "ns", "shop"]);
  assert.equal(space.stderr, "berth: Namespace shop not found\n");
});

test("a failure of one object does not keep others from being scaled and rolled out", async () => {
  await using endpoint = await serveCli();
  const { objects } = endpoint;
  const called: string[] = [];
  const change = (name: string) => {
    if (name === "a") throw new EngineError("NotFound", "no a");
    called.push(name);
  };
  Object.assign(objects, {
    scale: async (object: { name: string }) => change(object.name),
    restart: async (object: { name: string }) => change(object.name),
    undo: async (object: { name: string }) => {
      change(object.name);
      return 1;
    },
  });
  for (const argv of [
    ["scale", "--replicas", "2"],
    ["rollout", "restart"],
    ["rollout", "undo"],
  ]) {
    const { status, stderr } = await endpoint.run([...argv, "deploy", "a", "b"]);
    assert.deepEqual([status, stderr, called.pop()], [3, "berth: no a\n", "b"]);
  }
  objects.add("Deployment", "b");
  const history = await endpoint.run(["rollout", "history", "deploy/a", "deploy/b"]);
  assert.deepEqual([history.status, history.stderr], [3, "berth: Deployment default/a not found\n"]);
  assert.match(history.stdout, /^deployment\/b\n/);
});

test("get without any object says so on stderr instead of a table; JSON and YAML have an empty list", async () => {
  await using endpoint = await serveCli();
  const empty = async (...argv: string[]) => {
    const { status, stdout, stderr } = await endpoint.run(["get", ...argv]);
    assert.deepEqual([status, stdout], [0, ""]);
    return stderr;
  };
  assert.equal(await empty("pods"), "No resources found in default namespace.\n");
  assert.equal(await empty("pods", "-n", "shop", "-o", "wide"), "No resources found in shop namespace.\n");
  assert.equal(await empty("-A"), "No resources found\n");
  assert.equal(await empty("pods", "-o", "name"), "");
  const { stdout, stderr } = await endpoint.run(["get", "pods", "-o", "json"]);
  assert.deepEqual(JSON.parse(stdout), { apiVersion: "v1", kind: "List", items: [] });
  assert.equal(stderr, "");
});

test("get of all namespaces sorts by kind, namespace and name", async () => {
  await using endpoint = await serveCli();
  for (const [namespace, name] of [
    ["b", "x1"],
    ["a", "y"],
    ["b", "x-2"],
    ["a", "z"],
  ] as const)
    endpoint.objects.add("ConfigMap", name, { namespace });
  const { stdout } = await endpoint.run(["get", "cm", "-A"]);
  const places = stdout
    .split("\n")
    .slice(1, -1)
    .map((line) => line.split(/ +/).slice(0, 2).join("/"));
  assert.deepEqual(places, ["a/y", "a/z", "b/x-2", "b/x1"]);
});

test("delete refuses a wrong grace period once, before anything is deleted", async () => {
  await using endpoint = await serveCli();
  for (const name of ["a", "b"]) endpoint.objects.add("ConfigMap", name);
  const { status, stderr } = await endpoint.run(["delete", "cm", "a", "b", "--grace-period", "long"]);
  assert.equal(status, 2);
  assert.equal(stderr, 'berth: --grace-period "long" is not a whole number\n');
});

test("rollout status waits for longer than a timer of Node can", async () => {
  await using endpoint = await serveCli();
  const { objects } = endpoint;
  objects.add("Deployment", "web", { spec: { replicas: 1 } });
  const { list } = objects;
  let listed = 0;
  objects.list = (options) => {
    if (++listed === 3) {
      objects.remove("Deployment", "web");
      const status = { replicas: 1, updatedReplicas: 1, availableReplicas: 1 };
      objects.add("Deployment", "web", { spec: { replicas: 1 }, status });
    }
    return list(options);
  };
  const { status, stderr } = await endpoint.run(["rollout", "status", "--within", "1000h", "deploy/web"]);
  assert.deepEqual([status, stderr], [0, ""]);
});

test("debug and generate take a pod by its namespace and name, too", async () => {
  await using endpoint = await serveCli();
  const { objects } = endpoint;
  objects.add("Pod", "web", { namespace: "shop" });
  const debugged: string[] = [];
  Object.assign(objects, {
    addEphemeralContainer: async ({ kind, namespace, name }: Record<string, string>) => {
      debugged.push(`${kind} ${namespace}/${name}`);
    },
  });
  for (const words of [["shop/web"], ["pod/web", "-n", "shop"], ["web", "-n", "shop"]]) {
    assert.equal((await endpoint.run(["debug", ...words, "--image", "busybox"])).status, 0);
    assert.equal(debugged.pop(), "Pod shop/web");
    assert.match((await endpoint.run(["generate", "kube", ...words])).stdout, /name: web/);
  }
  assert.equal((await endpoint.run(["debug", "deploy/web", "--image", "busybox"])).status, 125);
});
