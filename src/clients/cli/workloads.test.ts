import assert from "node:assert/strict";
import { appendFile, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { id, image } from "../../doors/cri/testing/samples.ts";
import { EngineError } from "../../engines/engine/index.ts";
import { until } from "../../testing/until.ts";
import { readManifests } from "../manifests/index.ts";
import { berth, serveCli } from "./testing/cli.ts";
import { addContainer, addPod, playContainers } from "./testing/objects.ts";

function ids(text: string): string[] {
  return text.split("\n").slice(0, -1);
}

test("pods are listed as a table, as ids and as crictl's JSON", async () => {
  await using endpoint = await serveCli();
  addPod(endpoint, "5a", "web");
  const table = (await endpoint.run(["pods"])).stdout;
  assert.match(
    table,
    /^POD ID +CREATED +STATE +NAME +NAMESPACE +ATTEMPT +HANDLER\n5a0000000000 +\S.* Ready +web +default +0 +\(default\)\n$/,
  );
  assert.equal((await endpoint.run(["pods", "-q"])).stdout, `${id("5a")}\n`);
  const { items } = JSON.parse((await endpoint.run(["pods", "-o", "json"])).stdout);
  assert.equal(items[0].metadata.name, "web");
  assert.equal(items[0].state, "SANDBOX_READY");
});

test("pods are selected by namespace, label and state", async () => {
  await using endpoint = await serveCli();
  addPod(endpoint, "aa", "web", { labels: { app: "web" } });
  addPod(endpoint, "bb", "dns", { namespace: "kube-system" });
  const chosen = async (...argv: string[]) => ids((await endpoint.run(["pods", "-q", ...argv])).stdout);
  assert.deepEqual(await chosen("--namespace", "kube-system"), [id("bb")]);
  assert.deepEqual(await chosen("--label", "app=web"), [id("aa")]);
  assert.deepEqual(await chosen("--state", "notready"), []);
});

test("ps lists running containers, and with -a or --state the others", async () => {
  await using endpoint = await serveCli();
  addPod(endpoint, "5a", "web");
  addContainer(endpoint, "c1", "app", "5a");
  addContainer(endpoint, "c2", "init", "5a", { state: { kind: "created" } });
  assert.deepEqual(ids((await endpoint.run(["ps", "-q"])).stdout), [id("c1")]);
  assert.equal(ids((await endpoint.run(["ps", "-aq"])).stdout).length, 2);
  assert.deepEqual(ids((await endpoint.run(["ps", "--state", "created", "-q"])).stdout), [id("c2")]);
  assert.match(
    (await endpoint.run(["ps"])).stdout,
    /c10000000000 +busybox +.* ago +Running +app +0 +5a0000000000 +web +default\n$/,
  );
  assert.equal(JSON.parse((await endpoint.run(["ps", "-o", "json"])).stdout).containers.length, 1);
});

test("an empty list in JSON is an empty list", async () => {
  await using endpoint = await serveCli();
  assert.deepEqual(JSON.parse((await endpoint.run(["ps", "-o", "json"])).stdout), { containers: [] });
});

test("containers are found by name, also with a pod and a namespace, and by the pod whose only one they are", async () => {
  await using endpoint = await serveCli();
  addPod(endpoint, "aa", "web");
  addPod(endpoint, "bb", "db", { namespace: "data" });
  addContainer(endpoint, "c1", "server", "aa");
  addContainer(endpoint, "c2", "server", "bb");
  const inspected = async (name: string) =>
    JSON.parse((await endpoint.run(["inspect", "--type", "container", name])).stdout).status.id;
  assert.equal(await inspected("web/server"), id("c1"));
  assert.equal(await inspected("data/db/server"), id("c2"));
  assert.equal(await inspected("db"), id("c2"));
  assert.equal(await inspected("c2"), id("c2"));
  addContainer(endpoint, "c3", "helper", "bb");
  const several = await endpoint.run(["logs", "db"]);
  assert.equal(several.status, 3);
  assert.match(
    several.stderr,
    /"db" is a pod with several containers: name one of db\/(server, db\/helper|helper, db\/server)\n/,
  );
  const ambiguous = await endpoint.run(["inspect", "server"]);
  assert.equal(ambiguous.status, 1);
  assert.match(ambiguous.stderr, /default\/web\/server\n.*data\/db\/server/);
});

test("a name means the last attempt", async () => {
  await using endpoint = await serveCli();
  addPod(endpoint, "aa", "web");
  addContainer(endpoint, "c1", "app", "aa", {}, 0);
  addContainer(endpoint, "c2", "app", "aa", {}, 1);
  const { stdout } = await endpoint.run(["inspect", "app"]);
  assert.equal(JSON.parse(stdout).status.id, id("c2"));
});

test("pods that crictl has given the same uid keep their own containers", async () => {
  await using endpoint = await serveCli();
  addPod(endpoint, "aa", "web", { uid: "same" });
  addPod(endpoint, "bb", "db", { uid: "same" });
  addContainer(endpoint, "c1", "app", "aa");
  addContainer(endpoint, "c2", "app", "bb", { createdAtNs: 9_000_000_000_000_000_000n });
  const inspected = async (name: string) =>
    JSON.parse((await endpoint.run(["inspect", "--type", "container", name])).stdout).status.id;
  assert.deepEqual([await inspected("web"), await inspected("db/app")], [id("c1"), id("c2")]);
});

test("a name that a pod shares with its own container means the pod", async () => {
  await using endpoint = await serveCli();
  addPod(endpoint, "aa", "web");
  addContainer(endpoint, "c1", "web", "aa");
  assert.equal(JSON.parse((await endpoint.run(["inspect", "web"])).stdout).status.id, id("aa"));
  assert.equal(
    JSON.parse((await endpoint.run(["inspect", "web", "--type", "container"])).stdout).status.id,
    id("c1"),
  );
});

test("inspect shows the runtime's additional info with the status, and also finds images", async () => {
  await using endpoint = await serveCli();
  addPod(endpoint, "aa", "web");
  endpoint.engine.imageTable.push(image());
  const pod = JSON.parse((await endpoint.run(["inspect", "web"])).stdout);
  assert.equal(pod.status.network.ip, "10.88.0.2");
  assert.equal(pod.info.pid, 7);
  const found = JSON.parse((await endpoint.run(["inspect", "docker.io/library/busybox:latest"])).stdout);
  assert.equal(found.status.id, image().id);
  const missing = await endpoint.run(["inspect", "nothing"]);
  assert.equal(missing.status, 3);
  assert.match(missing.stderr, /no such pod, container or image: "nothing"/);
});

test("inspect of several names shows a list, without those that do not exist", async () => {
  await using endpoint = await serveCli();
  addPod(endpoint, "aa", "web");
  addPod(endpoint, "bb", "db");
  const { status, stdout, stderr } = await endpoint.run(["inspect", "web", "nothing", "db"]);
  assert.deepEqual(
    JSON.parse(stdout).map((one: { status: { id: string } }) => one.status.id),
    [id("aa"), id("bb")],
  );
  assert.deepEqual([status, stderr], [3, 'berth: no such pod, container or image: "nothing"\n']);
});

test("stop stops a pod's containers first, so that they get their grace period", async () => {
  await using endpoint = await serveCli();
  const stopped: [string, number?][] = [];
  const { containers, sandboxes } = endpoint.engine;
  const { stop: stopContainer } = containers;
  containers.stop = async (id, timeoutMs) => {
    stopped.push([id, timeoutMs]);
    await stopContainer(id, timeoutMs);
  };
  sandboxes.stop = async (id) => void stopped.push([id]);
  addPod(endpoint, "aa", "web");
  addContainer(endpoint, "c1", "app", "aa");
  assert.deepEqual(await endpoint.run(["stop", "-t", "3", "web"]), {
    status: 0,
    stdout: "web\n",
    stderr: "",
  });
  assert.deepEqual(stopped, [[id("c1"), 3000], [id("aa")]]);
});

test("rm leaves running containers alone, unless it is forced", async () => {
  await using endpoint = await serveCli();
  addPod(endpoint, "aa", "web");
  addContainer(endpoint, "c1", "app", "aa");
  const refused = await endpoint.run(["rm", "web"]);
  assert.equal(refused.status, 1);
  assert.match(refused.stderr, /has running containers.*--force/);
  assert.equal(endpoint.engine.sandboxTable.size, 1);
  assert.equal((await endpoint.run(["rm", "-f", "web"])).status, 0);
  assert.equal(endpoint.engine.sandboxTable.size, 0);
});

test("a failure for one of several names does not keep the others from being removed", async () => {
  await using endpoint = await serveCli();
  addPod(endpoint, "aa", "one");
  addPod(endpoint, "bb", "two");
  const { status, stdout, stderr } = await endpoint.run(["rm", "one", "three", "two"]);
  assert.equal(status, 3);
  assert.equal(stdout, "one\ntwo\n");
  assert.match(stderr, /"three"/);
});

test("exec shows both streams and ends with the command's status", async () => {
  await using endpoint = await serveCli();
  addPod(endpoint, "aa", "web");
  addContainer(endpoint, "c1", "app", "aa");
  let asked: unknown;
  endpoint.engine.exec = async (args, timeoutMs) => {
    asked = { args, timeoutMs };
    return { exitCode: 42, stdout: Buffer.from("out"), stderr: Buffer.from("err") };
  };
  const outcome = await endpoint.run(["exec", "--timeout", "3s", "app", "sh", "-c", "exit 42", "--help"]);
  assert.deepEqual(outcome, { status: 42, stdout: "out", stderr: "err" });
  assert.deepEqual(asked, { args: ["sh", "-c", "exit 42", "--help"], timeoutMs: 3000 });
});

test("logs shows the log of a container, and reports if there is none", async () => {
  await using endpoint = await serveCli();
  const logPath = join(endpoint.dir, "0.log");
  await writeFile(logPath, "2026-03-01T08:00:00Z stdout F one\n2026-03-01T08:00:01Z stdout F two\n");
  addPod(endpoint, "aa", "web");
  addContainer(endpoint, "c1", "app", "aa", { logPath });
  addContainer(endpoint, "c2", "mute", "aa");
  assert.equal((await endpoint.run(["logs", "app"])).stdout, "one\ntwo\n");
  assert.equal((await endpoint.run(["logs", "app", "--tail", "1"])).stdout, "two\n");
  assert.equal((await endpoint.run(["logs", "app", "--since", "2026-03-01T08:00:01Z"])).stdout, "two\n");
  assert.equal(
    (await endpoint.run(["logs", "app", "--timestamps", "--tail", "1"])).stdout,
    "2026-03-01T08:00:01Z two\n",
  );
  assert.match((await endpoint.run(["logs", "mute"])).stderr, /has no log/);
  for (const all of ["all", "-1"])
    assert.equal((await endpoint.run(["logs", "app", "--tail", all])).stdout, "one\ntwo\n");
  const { status, stderr } = await endpoint.run(["logs", "-n", "shop", "web"]);
  assert.equal(status, 2);
  assert.match(stderr, /--tail "shop" is not a number of lines; a namespace is named before the pod/);
});

test("logs -f ends with the container", async () => {
  await using endpoint = await serveCli();
  const { engine } = endpoint;
  const logPath = join(endpoint.dir, "0.log");
  await writeFile(logPath, "2026-03-01T08:00:00Z stdout F one\n");
  addPod(endpoint, "aa", "web");
  const made = addContainer(endpoint, "c1", "app", "aa", { logPath });
  const following = endpoint.run(["logs", "-f", "app"]);
  await until(() => engine.listeners() > 0);
  await writeFile(logPath, "2026-03-01T08:00:01Z stdout F two\n", { flag: "a" });
  await engine.containers.stop(made.id, 0);
  engine.emit({ kind: "stopped", containerId: made.id });
  assert.equal((await following).stdout, "one\ntwo\n");
});

test("logs -f of a container that is removed when it ends shows its log to the end, and succeeds", async () => {
  await using endpoint = await serveCli();
  addPod(endpoint, "aa", "web");
  const logPath = join(endpoint.dir, "app.log");
  await writeFile(logPath, "2026-03-01T08:00:00Z stdout F one\n");
  const { id } = addContainer(endpoint, "c0", "app", "aa", { logPath });
  const following = endpoint.start(["logs", "-f", "app"]);
  await until(() => following.io.stdout.text() === "one\n");
  await appendFile(logPath, "2026-03-01T08:00:01Z stdout F two\n");
  endpoint.engine.containerTable.delete(id);
  assert.equal(await following.status, 0);
  assert.equal(following.io.stdout.text(), "one\ntwo\n");
  assert.equal(following.io.stderr.text(), "");
});

test("run follows the output, ends with the container's status and leaves the pod stopped", async () => {
  await using endpoint = await serveCli();
  endpoint.engine.imageTable.push(image());
  playContainers(endpoint, { output: "2026-03-01T08:00:00Z stdout F hello\n", exitCode: 7 });
  const argv = ["run", "--log-dir", endpoint.dir, "--name", "job", "busybox", "echo", "--rm"];
  assert.deepEqual(await endpoint.run(argv), { status: 7, stdout: "hello\n", stderr: "" });
  const [pod] = endpoint.engine.sandboxTable.values();
  assert.equal(pod?.config.metadata?.name, "job");
  assert.equal(pod?.state, "notReady");
  const [made] = endpoint.engine.containerTable.values();
  assert.deepEqual(made?.config.args, ["echo", "--rm"]);
});

test("run --rm leaves nothing", async () => {
  await using endpoint = await serveCli();
  endpoint.engine.imageTable.push(image());
  playContainers(endpoint);
  assert.equal((await endpoint.run(["run", "--rm", "--log-dir", endpoint.dir, "busybox"])).status, 0);
  assert.equal(endpoint.engine.sandboxTable.size, 0);
});

test("run -d prints the container's id, and passes the flags in CRI's fields", async () => {
  await using endpoint = await serveCli();
  endpoint.engine.imageTable.push(image());
  playContainers(endpoint, { stays: true });
  const flags =
    "-e A=1$$(B)$C -v /srv:/data:ro -p 8080:80 --label app=x --cpus 0.5 --memory 64m --user 1000:100 --workdir /w";
  const { stdout } = await endpoint.run([
    "run",
    "-d",
    "--log-dir",
    endpoint.dir,
    ...flags.split(" "),
    "--entrypoint",
    "sh",
    "busybox",
  ]);
  const made = endpoint.engine.containers.get(stdout.trim());
  const { envs, mounts, command, workingDir, linux, labels } = made.config;
  assert.deepEqual(envs, [{ key: "A", value: Buffer.from("1$$(B)$C") }]);
  assert.equal(mounts[0]?.readonly, true);
  assert.deepEqual([command, workingDir, labels.app], [["sh"], "/w", "x"]);
  assert.equal(linux?.resources?.cpuQuota, 50_000n);
  assert.equal(linux?.resources?.memoryLimitInBytes, 67_108_864n);
  assert.equal(linux?.securityContext?.runAsUser?.value, 1000n);
  assert.ok(linux?.securityContext?.maskedPaths.includes("/proc/kcore"));
  assert.ok(linux?.securityContext?.readonlyPaths.includes("/proc/sys"));
  const pod = endpoint.engine.sandboxes.get(made.sandboxId);
  assert.equal(pod.config.portMappings[0]?.hostPort, 8080);
  assert.match(pod.config.metadata?.name ?? "", /^busybox-[0-9a-f]{6}$/);
});

test("run takes variables from files, and privileges as docker does", async () => {
  await using endpoint = await serveCli();
  endpoint.engine.imageTable.push(image());
  playContainers(endpoint, { stays: true });
  const file = join(endpoint.dir, "variables");
  await writeFile(file, '# comment\n\nA=from the file\n  QUOTED="b"\r\nBERTH_ADDRESS\n');
  const flags = "--read-only --cap-add net_admin --cap-add CAP_SYS_TIME --cap-drop ALL --privileged -e A=1";
  const { stdout } = await endpoint.run([
    ...["run", "-d", "--log-dir", endpoint.dir, "--env-file", file, ...flags.split(" "), "busybox"],
  ]);
  const { envs, linux } = endpoint.engine.containers.get(stdout.trim()).config;
  assert.deepEqual(Object.fromEntries(envs.map(({ key, value }) => [key, value.toString()])), {
    A: "1",
    QUOTED: '"b"',
    BERTH_ADDRESS: endpoint.address,
  });
  const { readonlyRootfs, privileged, capabilities } = linux?.securityContext ?? {};
  assert.deepEqual([readonlyRootfs, privileged], [true, true]);
  assert.deepEqual(capabilities?.addCapabilities, ["NET_ADMIN", "SYS_TIME"]);
  assert.deepEqual(capabilities?.dropCapabilities, ["ALL"]);
  const missing = await endpoint.run(["run", "--env-file", `${file}.none`, "busybox"]);
  assert.match(missing.stderr, /variables\.none not found/);
  const directory = await endpoint.run(["run", "--env-file", endpoint.dir, "busybox"]);
  assert.equal(directory.stderr, `berth: ${endpoint.dir} is a directory, not a file\n`);
});

test("run refuses files of variables that docker refuses, by their lines", async () => {
  await using endpoint = await serveCli();
  const file = join(endpoint.dir, "variables");
  const refused = async (content: string | Uint8Array) => {
    await writeFile(file, content);
    const { status, stderr } = await endpoint.run(["run", "--env-file", file, "busybox"]);
    assert.equal(status, 125);
    return stderr.replaceAll(endpoint.dir, "");
  };
  const hasSpace = (line: number, name: string) =>
    `berth: /variables:${line}: the name ${JSON.stringify(name)} has space in it; lines are NAME=VALUE\n`;
  assert.equal(await refused("# a\nexport A=secret\n"), hasSpace(2, "export A"));
  assert.equal(await refused("A=1\r\n\r\nB = 1\r\n"), hasSpace(3, "B "));
  assert.equal(await refused("export A"), hasSpace(1, "export A"));
  assert.equal(await refused("=x\n"), 'berth: /variables:1: no name before "="\n');
  assert.equal(
    await refused(Buffer.from("A=1\nA=\xff\n", "latin1")),
    "berth: /variables:2 is not text in UTF-8\n",
  );
});

test("run refuses names that Kubernetes refuses", async () => {
  const refused = async (...words: string[]) => (await berth(["run", ...words, "busybox"])).stderr;
  assert.match(await refused("--name", "a..b"), /--name "a\.\.b" is not a pod name/);
  assert.match(await refused("--namespace", "../other"), /--namespace "\.\.\/other" is not a namespace/);
  assert.match(await refused("--cpus", "0.001"), /--cpus 0\.001 is less than the kernel can give: 0\.01/);
});

test("run with an empty entrypoint runs the arguments without the image's entrypoint, and requires some", async () => {
  await using endpoint = await serveCli();
  endpoint.engine.imageTable.push(image());
  playContainers(endpoint, { stays: true });
  const run = (...args: string[]) =>
    endpoint.run(["run", "-d", "--log-dir", endpoint.dir, "--entrypoint", "", "busybox", ...args]);
  const { command, args } = endpoint.engine.containers.get((await run("echo", "$(A)")).stdout.trim()).config;
  assert.deepEqual([command, args], [["echo", "$(A)"], []]);
  assert.match((await run()).stderr, /--entrypoint "" needs a command/);
});

test("run --dry-run writes a manifest that creates the same pod, and creates none", async () => {
  await using endpoint = await serveCli();
  const flags =
    "--name web -e DOLLARS=$$(A)$B -v /srv:/data:ro -p 127.0.0.1:8080:80/udp --label app=x --cpus 0.5";
  const { status, stdout, stderr } = await endpoint.run([
    ...["run", "--dry-run", ...flags.split(" "), "--user", "1000:100", "-it", "busybox:1", "echo", "$(A)"],
  ]);
  assert.deepEqual([status, stderr, endpoint.engine.sandboxTable.size], [0, "", 0]);
  const { manifests, warnings } = readManifests([{ file: "web.yaml", text: stdout }], {
    namespace: "default",
  });
  assert.deepEqual(warnings, []);
  const [pod] = manifests;
  assert.ok(pod?.kind === "Pod");
  assert.deepEqual(pod.metadata.labels, { app: "x" });
  const { containers, restartPolicy, volumes } = pod.spec;
  assert.deepEqual([restartPolicy, volumes], ["Never", [{ name: "volume-1", hostPath: { path: "/srv" } }]]);
  assert.deepEqual(containers, [
    {
      name: "web",
      image: "busybox:1",
      imagePullPolicy: "IfNotPresent",
      args: ["echo", "$$(A)"],
      env: [{ name: "DOLLARS", value: "$$$$(A)$B" }],
      ports: [{ hostIP: "127.0.0.1", hostPort: 8080, containerPort: 80, protocol: "UDP" }],
      resources: { limits: { cpu: "0.5" } },
      volumeMounts: [{ name: "volume-1", mountPath: "/data", readOnly: true }],
      securityContext: { runAsUser: 1000, runAsGroup: 100, seccompProfile: { type: "RuntimeDefault" } },
      stdin: true,
      tty: true,
    },
  ]);
  const named = await endpoint.run(["run", "--dry-run", "-o", "json", "-u", "nobody", "busybox"]);
  assert.match(named.stderr, /the user nobody is left out/);
  assert.equal(JSON.parse(named.stdout).kind, "Pod");
  const shared = [
    "run",
    "--dry-run",
    "-o",
    "json",
    "-v",
    "/srv:/data:rshared",
    "--restart",
    "always",
    "busybox",
  ];
  const refused = await endpoint.run(shared);
  assert.match(
    refused.stderr,
    /Kubernetes would reject this manifest: spec.containers\[0\].volumeMounts\[0\].mountPropagation: Bidirectional/,
  );
  assert.equal(JSON.parse(refused.stdout).spec.restartPolicy, "Always");
});

test("run --pod adds to an existing pod and leaves it as it was", async () => {
  await using endpoint = await serveCli();
  endpoint.engine.imageTable.push(image());
  playContainers(endpoint);
  const pod = addPod(endpoint, "aa", "web");
  const { status } = await endpoint.run([
    "run",
    "--rm",
    "--pod",
    "web",
    "--name",
    "helper",
    "--log-dir",
    endpoint.dir,
    "busybox",
  ]);
  assert.equal(status, 0);
  assert.equal(endpoint.engine.sandboxes.get(pod.id).state, "ready");
  assert.equal(endpoint.engine.containerTable.size, 0);
});

test("run removes the pod that it created if the container cannot be started", async () => {
  await using endpoint = await serveCli();
  endpoint.engine.imageTable.push(image());
  playContainers(endpoint);
  endpoint.engine.containers.start = async () => {
    throw new EngineError("Internal", "no such program: shh");
  };
  const { status, stderr } = await endpoint.run(["run", "--log-dir", endpoint.dir, "busybox", "shh"]);
  assert.equal(status, 125);
  assert.match(stderr, /no such program: shh/);
  assert.equal(endpoint.engine.sandboxTable.size, 0);
});

test("Ctrl-C during a run stops the container and removes what --rm covers", async () => {
  await using endpoint = await serveCli();
  endpoint.engine.imageTable.push(image());
  playContainers(endpoint, { stays: true, output: "2026-03-01T08:00:00Z stdout F up\n" });
  const controller = new AbortController();
  const run = endpoint.run(["run", "--rm", "--log-dir", endpoint.dir, "busybox"], {
    signal: controller.signal,
  });
  await until(() => endpoint.engine.listeners() > 0);
  controller.abort();
  assert.deepEqual(await run, { status: 130, stdout: "up\n", stderr: "" });
  assert.equal(endpoint.engine.sandboxTable.size, 0);
});

test("run pulls a missing image, unless it must not", async () => {
  await using endpoint = await serveCli();
  const never = await endpoint.run(["run", "--pull", "never", "--log-dir", endpoint.dir, "busybox"]);
  assert.equal(never.status, 125);
  assert.match(never.stderr, /--pull=never/);
  playContainers(endpoint);
  endpoint.engine.pull = async () => {
    endpoint.engine.imageTable.push(image());
    return image();
  };
  assert.equal((await endpoint.run(["run", "--log-dir", endpoint.dir, "busybox"])).status, 0);
});

test("run refuses contradictory options", async () => {
  await using endpoint = await serveCli();
  assert.match(
    (await endpoint.run(["run", "--host-network", "-p", "1:1", "busybox"])).stderr,
    /--publish has no effect with --host-network/,
  );
  assert.match(
    (await endpoint.run(["run", "--pod", "web", "-p", "1:1", "busybox"])).stderr,
    /--publish is for a new pod/,
  );
  assert.match((await endpoint.run(["run", "-o", "json", "busybox"])).stderr, /add --dry-run/);
  const kept = async (...words: readonly string[]) =>
    (await endpoint.run(["run", "--restart", "always", ...words, "busybox"])).stderr;
  assert.match(await kept(), /--restart needs --detach/);
  assert.match(await kept("-d", "--rm"), /--rm has no effect with --restart/);
  assert.match(await kept("-d", "-u", "nobody"), /user by number, not nobody/);
});

test("run --pod gives each container a unique name, however long the image's is", async () => {
  await using endpoint = await serveCli();
  endpoint.engine.imageTable.push(image());
  playContainers(endpoint);
  addPod(endpoint, "aa", "web");
  const long = `example.com/${"a".repeat(70)}:1`;
  const run = ["run", "--pod", "web", "--log-dir", endpoint.dir, long];
  for (const _ of [1, 2]) assert.deepEqual((await endpoint.run(run)).stderr, "");
  const names = [...endpoint.engine.containerTable.values()].map(({ config }) => config.metadata?.name ?? "");
  assert.equal(new Set(names).size, 2);
  assert.ok(
    names.every((name) => /^a+-[0-9a-f]{6}$/.test(name) && name.length <= 63),
    names.join(),
  );
});

test("events are shown one by one, with their pod", async () => {
  await using endpoint = await serveCli();
  const pod = addPod(endpoint, "aa", "web");
  const made = addContainer(endpoint, "c1", "app", "aa");
  const controller = new AbortController();
  const following = endpoint.start(["events"], { signal: controller.signal });
  await until(
    () =>
      endpoint.engine.emit({ kind: "started", containerId: made.id, sandbox: pod, containers: [made] }) > 0,
  );
  await until(() => /started +c10000000000 +default\/web +app\n/.test(following.io.stdout.text()));
  controller.abort();
  await following.status;
});

test("completion offers existing names", async () => {
  await using endpoint = await serveCli();
  addPod(endpoint, "aa", "web");
  addPod(endpoint, "bb", "dns", { namespace: "kube-system" });
  addContainer(endpoint, "c1", "app", "aa");
  assert.deepEqual(ids((await endpoint.run(["__complete", "objects"])).stdout), [
    "web",
    "kube-system/dns",
    "web/app",
  ]);
});

test("the log directory of a new pod is private", async () => {
  await using endpoint = await serveCli();
  endpoint.engine.imageTable.push(image());
  playContainers(endpoint, { output: "secret\n" });
  await endpoint.run(["run", "--log-dir", join(endpoint.dir, "logs"), "--name", "job", "busybox"]);
  const [made] = endpoint.engine.containerTable.values();
  assert.match(made?.logPath ?? "", /\/logs\/default_job_[0-9a-f-]{36}\/job\/0\.log$/);
  assert.equal(await readFile(made?.logPath ?? "", "utf8"), "secret\n");
});

test("a log directory that cannot be created is named, with a remedy, and leaves no pod", async () => {
  await using endpoint = await serveCli();
  endpoint.engine.imageTable.push(image());
  const file = join(endpoint.dir, "file");
  await writeFile(file, "");
  const { status, stderr } = await endpoint.run(["run", "--log-dir", file, "busybox"]);
  assert.equal(status, 125);
  assert.match(
    stderr,
    /^berth: the log directory .*\/file\/.* cannot be created: ENOTDIR.*; --log-dir names another/,
  );
  assert.equal(endpoint.engine.sandboxTable.size, 0);
});

test("update changes the given limits of each container", async () => {
  await using endpoint = await serveCli();
  addPod(endpoint, "aa", "web");
  addContainer(endpoint, "c1", "server", "aa");
  addContainer(endpoint, "c2", "helper", "aa");
  const limits = ["--cpus", "1.5", "--cpu-quota", "-1", "--memory", "64m", "--memory-swap", "-1"];
  const others = ["--oom-score-adj", "-5", "--cpuset-cpus", "0-1", "--hugepages", "2MB=4m"];
  const files = ["--unified", "memory.high=7", "--unified", "io.weight=default 5"];
  const { stdout } = await endpoint.run(["update", ...limits, ...others, ...files, "web/server", "c2"]);
  assert.equal(stdout, "web/server\nc2\n");
  for (const name of ["c1", "c2"]) {
    assert.deepEqual(endpoint.engine.containers.get(name).resources, {
      cpuPeriod: 100_000n,
      cpuQuota: -1n,
      cpuShares: 1536n,
      memoryLimitInBytes: 64n * 2n ** 20n,
      memorySwapLimitInBytes: -1n,
      oomScoreAdj: -5n,
      cpusetCpus: "0-1",
      cpusetMems: "",
      hugepageLimits: [{ pageSize: "2MB", limit: 4n * 2n ** 20n }],
      unified: { "memory.high": "7", "io.weight": "default 5" },
    });
  }
  const nothing = await endpoint.run(["update", "web/server"]);
  assert.deepEqual([nothing.status, /at least one limit/.test(nothing.stderr)], [2, true]);
  assert.equal((await endpoint.run(["update", "--cpu-share", "many", "web/server"])).status, 2);
  for (const option of ["--memory", "--memory-swap", "--cpu-quota", "--oom-score-adj"]) {
    const { status, stderr } = await endpoint.run(["update", option, "0", "web/server"]);
    assert.deepEqual([status, stderr.includes(`${option} 0 would change nothing`)], [2, true]);
  }
});

test("play that is interrupted while it reads manifests runs none of them", async () => {
  await using endpoint = await serveCli();
  const { sandboxes, imageTable } = endpoint.engine;
  imageTable.push(image());
  const { run } = sandboxes;
  let runs = 0;
  sandboxes.run = (...args) => {
    runs++;
    return run(...args);
  };
  const spec = { containers: [{ name: "app", image: "busybox" }] };
  const stdin = JSON.stringify({ apiVersion: "v1", kind: "Pod", metadata: { name: "web" }, spec });
  const argv = ["play", "-", "--data-dir", endpoint.dir, "--log-dir", endpoint.dir];
  const { status, stderr } = await endpoint.run(argv, { stdin, signal: AbortSignal.abort() });
  assert.deepEqual([status, stderr, runs], [130, "", 0]);
});

test("stop stops several containers at the same time", async () => {
  await using endpoint = await serveCli();
  const { containers } = endpoint.engine;
  addPod(endpoint, "aa", "web");
  for (const name of ["c1", "c2"]) addContainer(endpoint, name, name, "aa");
  const { stop } = containers;
  const { promise: bothAsked, resolve } = Promise.withResolvers<void>();
  let asked = 0;
  containers.stop = async (...args) => {
    if (++asked === 2) resolve();
    await bothAsked;
    await stop(...args);
  };
  const { status, stdout, stderr } = await endpoint.run(["stop", "c1", "none", "c2", "c1"]);
  assert.deepEqual([status, stdout], [3, "c1\nc2\n"]);
  assert.equal(stderr, 'berth: no such pod or container: "none"\n');
});
