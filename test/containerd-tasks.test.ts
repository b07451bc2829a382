import assert from "node:assert/strict";
import { mkdir, open, readdir, readFile, readlink, rmdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { kill } from "node:process";
import { finished } from "node:stream/promises";
import { after, before, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { status } from "@grpc/grpc-js";
import { cgroupLayout, mountInfo, parseMountInfo } from "../src/ground/linux/index.ts";
import { containerd } from "../src/ground/protocol/index.ts";
import { deadFileSystem } from "../src/testing/dead-file-system.ts";
import { ClientContainers } from "./support/client-containers.ts";
import { eventually } from "./support/condition.ts";
import { testHandler } from "./support/handler.ts";
import { hostDirectory } from "./support/host-directory.ts";
import { withContainerd } from "./support/with-containerd.ts";

const { Status, Any, Mount } = containerd.types;
const { events } = containerd;
const { ExecProcessRequest } = containerd.tasksV1;
type ExecProcessRequest = containerd.tasksV1.ExecProcessRequest;
type CreateTaskRequest = containerd.tasksV1.CreateTaskRequest;

/** The specification of a command's process. */
function process(fields: object): Buffer {
  return Buffer.from(JSON.stringify({ cwd: "/", env: ["PATH=/bin"], user: { uid: 0, gid: 0 }, ...fields }));
}

/** A script that prints the size of its terminal once that is set. */
const sized = (size: string) => `until [ "$(stty size)" = "${size}" ]; do sleep 0.02; done; stty size`;

/** A cgroup in which somebody else has created another one. */
async function cgroupOfOthers(path: string): Promise<AsyncDisposable> {
  const layout = await cgroupLayout();
  const root = layout?.kind === "v2" ? layout.v2.mountPoint : layout?.v1.get("memory");
  const directories = [`${root}${path}`, `${root}${path}/child`];
  for (const directory of directories) await mkdir(directory);
  return {
    [Symbol.asyncDispose]: async () => {
      for (const directory of directories.toReversed()) await rmdir(directory);
    },
  };
}

/** The command lines of all processes of the machine. */
async function commandLines(): Promise<readonly string[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  return await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")));
}

/** Reads a FIFO until its last writer has closed it. */
async function reading(path: string) {
  const file = await open(path, "r+");
  const reader = await open(path, "r");
  await file.close();
  const stream = reader.createReadStream({ encoding: "utf8" });
  let read = "";
  stream.on("data", (chunk) => {
    read += chunk;
  });
  const all = finished(stream).then(() => read);
  const has = (wanted: string) => eventually(`${wanted} is read`, async () => read.includes(wanted));
  return { all, has };
}

describe("containerd's API of the tasks of clients' containers", () => {
  let own: ClientContainers;
  // Before the daemon ends, since hooks run in the order of their registration.
  after(() => own?.[Symbol.asyncDispose]());
  const host = withContainerd();
  before(async () => {
    own = await ClientContainers.open(host.clients, "tasks");
  });

  const shell = (id: string, script: string) => ({ id, args: ["/bin/sh", "-c", script] });
  const run = async (
    container: Parameters<ClientContainers["task"]>[0],
    asked: Parameters<ClientContainers["task"]>[1] = {},
  ) => {
    await own.task(container, asked);
    await own.api.tasks.start({ containerId: container.id, execId: "" });
  };
  const stop = async (containerId: string) => {
    await own.api.tasks.kill({ containerId, execId: "", signal: 9, all: true });
    await own.api.tasks.wait({ containerId, execId: "" });
    await own.api.tasks.delete({ containerId });
  };
  const pidsLimit = async (containerId: string) => {
    const layout = await cgroupLayout();
    const root = layout?.kind === "v2" ? layout.v2.mountPoint : layout?.v1.get("pids");
    return (await readFile(join(root ?? "", own.namespace, containerId, "pids.max"), "utf8")).trim();
  };
  const get = async (containerId: string) => (await own.api.tasks.get({ containerId, execId: "" })).process;

  test("a client's container runs as a task over its snapshot, with the client's FIFOs as its streams", async () => {
    const { tasks } = own.api;
    const fifos = await own.fifos();
    const containerId = "fifos";
    const { pid } = await own.task(shell(containerId, "cat; echo err >&2; exit 3"), fifos);
    const stdout = await reading(fifos.stdout);
    const stderr = await reading(fifos.stderr);
    // By Go's zero time, clients know that it has not exited yet.
    const exitedAt = { seconds: BigInt(Date.parse("0001-01-01T00:00:00Z") / 1000), nanos: 0 };
    const expected = {
      containerId,
      id: containerId,
      pid,
      ...fifos,
      terminal: false,
      exitStatus: 0,
      exitedAt,
    };
    const { status: created, ...shown } = (await get(containerId)) ?? {};
    assert.equal(created, Status.CREATED);
    assert.deepEqual(shown, expected);
    await assert.rejects(own.createTask({ containerId }), { code: status.ALREADY_EXISTS });
    const waiting = tasks.wait({ containerId, execId: "" });
    assert.deepEqual(await tasks.start({ containerId, execId: "" }), { pid });
    await assert.rejects(tasks.delete({ containerId }), {
      code: status.FAILED_PRECONDITION,
      details: /must be stopped before deletion/,
    });
    assert.ok((await tasks.listPids({ containerId })).processes.some((each) => each.pid === pid));
    await writeFile(fifos.stdin, "hello\n");
    await tasks.closeIo({ containerId, execId: "", stdin: true });
    const { exitStatus } = await waiting;
    assert.equal(exitStatus, 3);
    assert.deepEqual([await stdout.all, await stderr.all], ["hello\n", "err\n"]);
    const stopped = await get(containerId);
    assert.deepEqual([stopped?.status, stopped?.pid, stopped?.exitStatus], [Status.STOPPED, pid, 3]);
    const deleted = await tasks.delete({ containerId });
    assert.deepEqual([deleted.id, deleted.pid, deleted.exitStatus], [containerId, pid, 3]);
    assert.deepEqual(deleted.exitedAt, stopped?.exitedAt);
    await assert.rejects(tasks.get({ containerId, execId: "" }), { code: status.NOT_FOUND });
    await own.api.snapshots.remove({ snapshotter: "overlayfs", key: containerId });
    assert.ok((await stat(fifos.stdout)).isFIFO());
    const mounts = (await mountInfo()).filter(({ mountPoint }) => mountPoint.startsWith(host.berth.state));
    assert.deepEqual(mounts, []);
  });

  test("events of a task come in order, with its exit before replies to Wait and Delete", async () => {
    const heard: containerd.types.Envelope[] = [];
    const { raw, metadata } = own.api;
    const filters = [`namespace==${own.namespace},topic~="^/tasks/"`, 'topic=="/probe"'];
    const stream = raw.events.subscribe({ filters }, metadata);
    stream.on("error", () => undefined);
    stream.on("data", (envelope) => heard.push(envelope));
    after(() => stream.cancel());
    await eventually("it listens", async () => {
      await own.api.events.publish({ topic: "/probe", event: Any.fromPartial({ typeUrl: "Probe" }) });
      return heard.length > 0;
    });
    const containerId = "told";
    const rootfs = (await own.create(shell(containerId, "exit 5"))).map((mount) => Mount.fromPartial(mount));
    const fifos = await own.fifos();
    const { pid } = await own.createTask({ containerId, rootfs, ...fifos });
    await own.api.tasks.start({ containerId, execId: "" });
    await own.api.tasks.wait({ containerId, execId: "" });
    await own.api.tasks.delete({ containerId });
    await own.api.events.publish({ topic: "/probe", event: Any.fromPartial({ typeUrl: "Last" }) });
    await eventually("the last one has come", async () => heard.at(-1)?.event?.typeUrl === "Last");
    const told = heard.filter(({ topic }) => topic !== "/probe");
    assert.deepEqual(
      told.map(({ topic }) => topic),
      ["/tasks/create", "/tasks/start", "/tasks/exit", "/tasks/delete"],
    );
    const { bundle, ...create } = events.TaskCreate.decode(told[0]?.event?.value ?? Buffer.alloc(0));
    assert.ok(bundle.endsWith(`/${containerId}`), bundle);
    assert.deepEqual(create, {
      containerId,
      pid,
      rootfs,
      io: { ...fifos, terminal: false },
      checkpoint: "",
    });
    const exit = events.TaskExit.decode(told[2]?.event?.value ?? Buffer.alloc(0));
    assert.deepEqual([exit.containerId, exit.id, exit.exitStatus], [containerId, containerId, 5]);
  });

  test("containers with the same id run in two namespaces, and signals go to the right one", async () => {
    await using other = await ClientContainers.open(host.clients, "others");
    await run(shell("same", "trap 'exit 7' TERM; echo > /ready; sleep 1000 & wait"));
    await other.task(shell("same", "exec sleep 1000"));
    await other.api.tasks.start({ containerId: "same", execId: "" });
    const pid = (await get("same"))?.pid ?? 0;
    await eventually("its trap is set", () =>
      stat(`/proc/${pid}/root/ready`).then(
        () => true,
        () => false,
      ),
    );
    await own.api.tasks.kill({ containerId: "same", execId: "", signal: 15, all: false });
    assert.equal((await own.api.tasks.wait({ containerId: "same", execId: "" })).exitStatus, 7);
    await own.api.tasks.delete({ containerId: "same" });
    const { tasks: left } = await other.api.tasks.list({ filter: "" });
    assert.deepEqual(
      left.map(({ id, status: now }) => [id, now]),
      [["same", Status.RUNNING]],
    );
    await other.api.tasks.kill({ containerId: "same", execId: "", signal: 9, all: true });
    assert.equal((await other.api.tasks.wait({ containerId: "same", execId: "" })).exitStatus, 137);
  });

  test("tasks outlive the daemon, and their output meanwhile is not lost", async () => {
    const output = join(own.directory, "logs", "output");
    const fifos = await own.fifos();
    const wait = "while [ ! -e /go ]; do sleep 0.02; done; echo";
    await run(shell("filed", `echo one; ${wait} two; exit 4`), { stdout: `file://${output}` });
    await run(shell("piped", `${wait} late; exit 6`), fifos);
    await own.task(shell("waiting", "exit 2"));
    const pids = [await get("filed"), await get("piped")].map((process) => process?.pid ?? 0);
    const stdout = await reading(fifos.stdout);
    await host.berth.stopDaemon("SIGKILL");
    for (const pid of pids) await writeFile(`/proc/${pid}/root/go`, "");
    await eventually("both have ended", async () => {
      const found = await Promise.allSettled(pids.map((pid) => stat(`/proc/${pid}`)));
      return found.every(({ status: looked }) => looked === "rejected");
    });
    await host.berth.startDaemon();
    for (const [containerId, code] of [
      ["filed", 4],
      ["piped", 6],
    ] as const) {
      assert.equal((await own.api.tasks.wait({ containerId, execId: "" })).exitStatus, code);
      assert.equal((await own.api.tasks.delete({ containerId })).exitStatus, code);
    }
    assert.equal(await readFile(output, "utf8"), "one\ntwo\n");
    assert.equal(await stdout.all, "late\n");
    assert.equal((await get("waiting"))?.status, Status.CREATED);
    await own.api.tasks.start({ containerId: "waiting", execId: "" });
    assert.equal((await own.api.tasks.wait({ containerId: "waiting", execId: "" })).exitStatus, 2);
    await own.api.tasks.delete({ containerId: "waiting" });
  });

  test("commands run beside the first process with their own ids, with the client's FIFOs or a terminal", async () => {
    const { tasks } = own.api;
    const containerId = "execs";
    await run(shell(containerId, "exec sleep 1000"));
    const exec = async (execId: string, script: string, asked: Partial<ExecProcessRequest> = {}) => {
      const args = ["/bin/sh", "-c", script];
      const spec = {
        typeUrl: "types.containerd.io/opencontainers/runtime-spec/1/Process",
        value: process({ args }),
      };
      await tasks.exec(ExecProcessRequest.fromPartial({ containerId, execId, spec, ...asked }));
    };
    const fifos = await own.fifos();
    await exec("one", "cat; echo err >&2; exit 4", fifos);
    const [stdout, stderr] = [await reading(fifos.stdout), await reading(fifos.stderr)];
    const shown = async (execId: string) => (await tasks.get({ containerId, execId })).process;
    const created = await shown("one");
    assert.deepEqual([created?.id, created?.status, created?.stdin], ["one", Status.CREATED, fifos.stdin]);
    await assert.rejects(exec("one", "true"), { code: status.ALREADY_EXISTS });
    const { pid } = await tasks.start({ containerId, execId: "one" });
    assert.equal((await shown("one"))?.pid, pid);
    await assert.rejects(tasks.deleteProcess({ containerId, execId: "one" }), {
      code: status.FAILED_PRECONDITION,
    });
    const waiting = tasks.wait({ containerId, execId: "one" });
    await writeFile(fifos.stdin, "typed\n");
    await tasks.closeIo({ containerId, execId: "one", stdin: true });
    assert.equal((await waiting).exitStatus, 4);
    assert.deepEqual([await stdout.all, await stderr.all], ["typed\n", "err\n"]);
    const deleted = await tasks.deleteProcess({ containerId, execId: "one" });
    assert.deepEqual([deleted.id, deleted.pid, deleted.exitStatus], ["one", pid, 4]);
    await assert.rejects(tasks.get({ containerId, execId: "one" }), { code: status.NOT_FOUND });

    const screen = await own.fifos();
    await exec("two", `read _; ${sized("21 90")}`, { ...screen, stderr: "", terminal: true });
    const shownText = await reading(screen.stdout);
    await tasks.start({ containerId, execId: "two" });
    await tasks.resizePty({ containerId, execId: "two", width: 90, height: 21 });
    await writeFile(screen.stdin, "\n");
    assert.equal((await tasks.wait({ containerId, execId: "two" })).exitStatus, 0);
    assert.match(await shownText.all, /21 90/);
    await tasks.deleteProcess({ containerId, execId: "two" });

    await exec("three", "exec sleep 1000");
    const three = await tasks.start({ containerId, execId: "three" });
    const { processes } = await tasks.listPids({ containerId });
    const told = new Map(processes.map(({ pid, info }) => [pid, info]));
    assert.ok(told.has((await get(containerId))?.pid ?? 0));
    assert.deepEqual(
      [...told].filter(([, info]) => info !== undefined),
      [[three.pid, { typeUrl: "containerd.runc.v1.ProcessDetails", value: Buffer.from("\n\x05three") }]],
    );
    await tasks.kill({ containerId, execId: "three", signal: 9, all: false });
    assert.equal((await tasks.wait({ containerId, execId: "three" })).exitStatus, 137);
    assert.equal((await get(containerId))?.status, Status.RUNNING);
    await exec("given-up", "true");
    assert.equal((await tasks.deleteProcess({ containerId, execId: "given-up" })).exitStatus, 0);
    for (const [execId, value, code] of [
      ["", process({ args: ["true"] }), status.INVALID_ARGUMENT],
      ["no id", process({ args: ["true"] }), status.INVALID_ARGUMENT],
      ["../up", process({ args: ["true"] }), status.INVALID_ARGUMENT],
      ["four", Buffer.from("no JSON"), status.INVALID_ARGUMENT],
      ["four", process({ args: [] }), status.INVALID_ARGUMENT],
    ] as const)
      await assert.rejects(
        tasks.exec(ExecProcessRequest.fromPartial({ containerId, execId, spec: { typeUrl: "", value } })),
        { code },
      );
    await stop(containerId);
  });

  test("a command whose client disconnects during a call leaves nothing once its task is deleted", async () => {
    const { tasks, raw, metadata } = own.api;
    const containerId = "left";
    await run(shell(containerId, "exec sleep 1000"));
    const fifos = await own.fifos();
    const spec = { typeUrl: "", value: process({ args: ["/bin/sleep", "98761"] }) };
    const exec = (execId: string) => ExecProcessRequest.fromPartial({ containerId, execId, spec, ...fifos });
    const ended = (call: (answered: (error: unknown) => void) => { cancel(): void }) => {
      const { promise, resolve } = Promise.withResolvers<unknown>();
      call(resolve).cancel();
      return promise;
    };
    await ended((answered) => raw.tasks.exec(exec("making"), metadata, answered));
    await tasks.exec(exec("starting"));
    await ended((answered) => raw.tasks.start({ containerId, execId: "starting" }, metadata, answered));
    await tasks.exec(exec("running"));
    const { pid } = await tasks.start({ containerId, execId: "running" });
    await ended((answered) => raw.tasks.wait({ containerId, execId: "running" }, metadata, answered));
    // As in containerd, it continues without its client.
    kill(pid, 0);
    await stop(containerId);
    for (const execId of ["making", "starting", "running"])
      await assert.rejects(tasks.get({ containerId, execId }), { code: status.NOT_FOUND });
    await eventually(
      "no process is left",
      async () => !(await commandLines()).some((each) => /98761/.test(each)),
    );
    const descriptors = `/proc/${host.berth.pid}/fd`;
    await eventually("no FIFO is open", async () => {
      const open = await Promise.all(
        (await readdir(descriptors)).map((fd) => readlink(join(descriptors, fd)).catch(() => "")),
      );
      return !open.some((path) => path.startsWith(own.directory));
    });
  });

  test("a first process has a terminal with its own size, and the FIFOs of a client that connects after a restart", async () => {
    const { tasks } = own.api;
    const containerId = "t".repeat(76);
    const { stdin, stdout } = await own.fifos();
    const script = `${sized("22 91")}; read word; echo got $word; tty; exit 6`;
    await own.task(
      { ...shell(containerId, script), process: { terminal: true } },
      { stdin, stdout, terminal: true },
    );
    const screen = await reading(stdout);
    await tasks.resizePty({ containerId, execId: "", width: 91, height: 22 });
    await tasks.start({ containerId, execId: "" });
    assert.equal((await get(containerId))?.terminal, true);
    await screen.has("22 91");
    await host.berth.restartDaemon();
    const again = await reading(stdout);
    await writeFile(stdin, "typed\n");
    assert.equal((await tasks.wait({ containerId, execId: "" })).exitStatus, 6);
    assert.match(await again.all, /got typed\r\n\/dev\/(?:pts\/0|console)\r\n$/);
    await tasks.delete({ containerId });
  });

  test("metrics of tasks have the type for the machine's version of cgroups, and can be filtered", async () => {
    const { tasks } = own.api;
    await run(shell("measured", "exec sleep 1000"));
    await run(shell("beside", "exec sleep 1000"));
    const limit = Buffer.from('{"pids":{"limit":78},"memory":{"limit":104857600}}');
    const resources = { typeUrl: "", value: limit };
    await tasks.update({ containerId: "measured", resources, annotations: {} });
    const { metrics } = await tasks.metrics({ filters: ["id==measured,namespace~=tasks"] });
    assert.deepEqual(
      metrics.map(({ id }) => id),
      ["measured"],
    );
    const data = metrics[0]?.data;
    const value = data?.value ?? Buffer.alloc(0);
    const isV2 = (await cgroupLayout())?.kind === "v2";
    assert.equal(data?.typeUrl, `io.containerd.cgroups.v${isV2 ? 2 : 1}.Metrics`);
    const v1 = containerd.cgroupsV1.Metrics.decode(value);
    const v2 = containerd.cgroupsV2.Metrics.decode(value);
    const [memory, limitBytes, cpu, pids] = isV2
      ? [v2.memory?.usage, v2.memory?.usageLimit, v2.cpu?.usageUsec, v2.pids]
      : [v1.memory?.usage?.usage, v1.memory?.usage?.limit, v1.cpu?.usage?.total, v1.pids];
    assert.ok(memory !== undefined && memory > 0n && memory < 104_857_600n);
    assert.ok(cpu !== undefined && cpu > 0n);
    assert.deepEqual([limitBytes, pids], [104_857_600n, { current: 1n, limit: 78n }]);
    const all = await tasks.metrics({ filters: [] });
    assert.deepEqual(all.metrics.map(({ id }) => id).sort(), ["beside", "measured"]);
    await assert.rejects(tasks.metrics({ filters: ["id=="] }), { code: status.INVALID_ARGUMENT });
    for (const containerId of ["measured", "beside"]) await stop(containerId);
    assert.deepEqual((await tasks.metrics({ filters: [] })).metrics, []);
  });

  test("a task whose hook fails is an error with the hook's output", async () => {
    const hook = { path: "/bin/sh", args: ["sh", "-c", "echo no such network >&2; exit 1"] };
    for (const stage of ["createRuntime", "createContainer"])
      await assert.rejects(
        own.task({ ...shell(`hooked-${stage}`, "true"), spec: { hooks: { [stage]: [hook] } } }),
        { details: /hook.*no such network/s },
        stage,
      );
  });

  test("limits of a task are changed while it runs", async () => {
    const { tasks } = own.api;
    const containerId = "limited";
    await run(shell(containerId, "exec sleep 1000"));
    const update = (value: string) =>
      tasks.update({ containerId, resources: { typeUrl: "", value: Buffer.from(value) }, annotations: {} });
    await update('{"pids":{"limit":77},"devices":[{"allow":false,"access":"rwm"}]}');
    assert.equal(await pidsLimit(containerId), "77");
    await update('{"memory":{"limit":9223372036854775807,"swap":null},"hugepageLimits":null}');
    for (const wrong of ["77", '{"pids":5}', '{"hugepageLimits":{}}', '{"hugepageLimits":[{"limit":1}]}'])
      await assert.rejects(update(wrong), {
        code: status.INVALID_ARGUMENT,
        details: /resources: not those of/,
      });
    await stop(containerId);
  });

  test("limits of a task are changed before it starts", async () => {
    const { tasks } = own.api;
    const containerId = "limited-early";
    await own.task(shell(containerId, "exec sleep 1000"));
    const value = Buffer.from('{"pids":{"limit":78}}');
    await tasks.update({ containerId, resources: { typeUrl: "", value }, annotations: {} });
    assert.equal(await pidsLimit(containerId), "78");
    await tasks.delete({ containerId });
  });

  test("a signal goes to all processes of a task", async () => {
    const { tasks } = own.api;
    const containerId = "all";
    const script =
      "(trap 'echo > /child' USR1; echo > /one; while :; do sleep 0.05; done) & trap 'echo > /first' USR1; echo > /two; while :; do wait; done";
    await run(shell(containerId, script));
    const pid = (await get(containerId))?.pid ?? 0;
    const exist = (...names: string[]) =>
      eventually(`${names} are there`, () =>
        Promise.all(names.map((name) => stat(`/proc/${pid}/root/${name}`))).then(
          () => true,
          () => false,
        ),
      );
    await exist("one", "two");
    await tasks.kill({ containerId, execId: "", signal: 10, all: true });
    await exist("first", "child");
    await stop(containerId);
  });

  test("a task killed by another process of the machine ends with the signal's status", async () => {
    const { tasks } = own.api;
    const containerId = "killed";
    await run(shell(containerId, "exec sleep 1000"));
    const waiting = tasks.wait({ containerId, execId: "" });
    kill((await get(containerId))?.pid ?? 0, "SIGKILL");
    assert.equal((await waiting).exitStatus, 137);
    const ended = await get(containerId);
    assert.deepEqual([ended?.status, ended?.exitStatus], [Status.STOPPED, 137]);
    const late = { containerId, execId: "", signal: 15 };
    await assert.rejects(tasks.kill({ ...late, all: false }), {
      code: status.NOT_FOUND,
      details: /process already finished: not found$/,
    });
    await tasks.kill({ ...late, all: true, signal: 9 });
    assert.equal((await tasks.delete({ containerId })).exitStatus, 137);
  });

  test("a task is paused and resumed, and its status shows that", async () => {
    const { tasks } = own.api;
    const containerId = "paused";
    await run(shell(containerId, "exec sleep 1000"));
    const refused = { code: status.FAILED_PRECONDITION };
    await tasks.pause({ containerId });
    assert.equal((await get(containerId))?.status, Status.PAUSED);
    await assert.rejects(tasks.pause({ containerId }), refused);
    // The OCI runtime would refuse it too, but only at the start, and on the client's own streams.
    const spec = { typeUrl: "", value: Buffer.from(JSON.stringify({ args: ["true"], cwd: "/" })) };
    const early = ExecProcessRequest.fromPartial({ containerId, execId: "early", spec });
    await assert.rejects(tasks.exec(early), { ...refused, details: /it is paused/ });
    await tasks.resume({ containerId });
    assert.equal((await get(containerId))?.status, Status.RUNNING);
    await assert.rejects(tasks.resume({ containerId }), refused);
    await tasks.pause({ containerId });
    await stop(containerId);
    await assert.rejects(tasks.pause({ containerId }), { code: status.NOT_FOUND });
  });

  test("io.containerd.runc.v2 means the handler that its options name, otherwise the default one", async () => {
    const other = testHandler === "crun" ? "runc" : "crun";
    const { Options } = containerd.runcOptions;
    const options = (binaryName: string, typeUrl = "containerd.runc.v1.Options") => ({
      typeUrl,
      value: Buffer.from(Options.encode(Options.fromPartial({ binaryName })).finish()),
    });
    const name = "io.containerd.runc.v2";
    const shim = "/usr/local/bin/containerd-shim-runc-v2";
    const handlerOf = async (id: string) => {
      const entries = await readdir(join(host.berth.state, "tasks"), { recursive: true });
      return entries
        .find((entry) => entry.endsWith(`/${id}`) && entry.includes("/runtimes/"))
        ?.split("/")
        .at(-2);
    };
    await own.task(shell("default", "exit 0"));
    assert.equal(await handlerOf("default"), testHandler);
    await own.task({ ...shell("named", "exit 0"), runtime: { name, options: options(other) } });
    assert.equal(await handlerOf("named"), other);
    await own.task({ ...shell("direct", "exit 0"), runtime: { name: other, options: undefined } });
    assert.equal(await handlerOf("direct"), other);
    // containerd's shim may be named by its path, for the container or for the task.
    await own.task({ ...shell("path", "exit 0"), runtime: { name: shim, options: options(other) } });
    assert.equal(await handlerOf("path"), other);
    await own.task(
      { ...shell("task", "exit 0"), runtime: { name: other, options: undefined } },
      { runtimePath: shim },
    );
    assert.equal(await handlerOf("task"), testHandler);
    for (const [id, runtime] of [
      ["nobinary", { name, options: options("nosuch") }],
      ["notype", { name, options: options("", "example.Options") }],
      ["noruntime", { name: "io.containerd.nosuch.v2", options: undefined }],
    ] as const)
      await assert.rejects(own.task({ ...shell(id, "exit 0"), runtime }), { code: status.INVALID_ARGUMENT });
    for (const containerId of ["default", "named", "direct", "path", "task"])
      await own.api.tasks.delete({ containerId });
  });

  test("runc's options are applied to a task, or rejected by name", async () => {
    const { Options } = containerd.runcOptions;
    const options = (given: Partial<containerd.runcOptions.Options>) => ({
      typeUrl: "containerd.runc.v1.Options",
      value: Buffer.from(Options.encode(Options.fromPartial(given)).finish()),
    });
    const fifos = await own.fifos();
    const done = options({ noPivotRoot: true, noNewKeyring: true, ioUid: 1234, ioGid: 1235 });
    const { pid } = await own.task(shell("done", "exit 3"), { ...fifos, options: done });
    const parent = /^PPid:\s*(\d+)/m.exec(await readFile(`/proc/${pid}/status`, "utf8"))?.[1];
    const monitor = (await readFile(`/proc/${parent}/cmdline`, "utf8")).split("\0");
    for (const option of ["--no-pivot", "--no-new-keyring"]) assert.ok(monitor.includes(option), option);
    const { uid, gid } = await stat(fifos.stdout);
    assert.deepEqual([uid, gid], [1234, 1235]);
    await own.api.tasks.start({ containerId: "done", execId: "" });
    assert.equal((await own.api.tasks.wait({ containerId: "done", execId: "" })).exitStatus, 3);
    await own.api.tasks.delete({ containerId: "done" });
    const { INVALID_ARGUMENT, UNIMPLEMENTED } = status;
    const rootfs = await own.create(shell("undone", "exit 0"));
    for (const [given, code, details] of [
      [{ root: "run/other" }, INVALID_ARGUMENT, /options: root: "run\/other" is not an absolute path/],
      [{ taskApiAddress: "unix:///other" }, UNIMPLEMENTED, /options: task_api_address is not supported/],
      [{ systemdCgroup: true }, INVALID_ARGUMENT, /systemd_cgroup: linux.cgroupsPath .* SLICE:PREFIX:NAME/],
    ] as const)
      await assert.rejects(own.createTask({ containerId: "undone", rootfs, options: options(given) }), {
        code,
        details,
      });
  });

  test("an OCI runtime keeps a task's state in the directory of its option root, and the task is found again there", async () => {
    const { Options } = containerd.runcOptions;
    const root = join(host.berth.directory, "other-root");
    const value = Buffer.from(Options.encode(Options.fromPartial({ root })).finish());
    await run(shell("rooted", "exec sleep 1000"), {
      options: { typeUrl: "containerd.runc.v1.Options", value },
    });
    assert.deepEqual(await readdir(join(root, own.namespace)), ["rooted"]);
    await host.berth.restartDaemon();
    assert.equal((await get("rooted"))?.status, Status.RUNNING);
    await stop("rooted");
    assert.deepEqual(await readdir(join(root, own.namespace)), []);
  });

  test("a file system that hangs below the option root blocks only that task", async () => {
    const { Options } = containerd.runcOptions;
    const root = join(host.berth.directory, "dead-root");
    const value = Buffer.from(Options.encode(Options.fromPartial({ root })).finish());
    const containerId = "dead-root";
    await run(shell(containerId, "exec sleep 1000"), {
      options: { typeUrl: "containerd.runc.v1.Options", value },
    });
    {
      await using _dead = await deadFileSystem(root);
      await own.api.tasks.kill({ containerId, execId: "", signal: 9, all: true });
      await own.api.tasks.wait({ containerId, execId: "" });
      const deleted = own.api.tasks.delete({ containerId }).catch(String);
      const { runtime } = host.berth.clients;
      const others = runtime.version({ version: "" }).then(() => "answered");
      assert.equal(await Promise.race([others, delay(20_000, "blocked", { ref: false })]), "answered");
      assert.equal(await Promise.race([deleted, delay(1_000, "waits", { ref: false })]), "waits");
    }
    await eventually("it can be deleted", async () => {
      const end = await own.api.tasks.delete({ containerId }).catch((error) => error);
      return end.code === status.NOT_FOUND || end.exitStatus === 137;
    });
  });

  test("a task is rejected if its option root cannot be created", async () => {
    const { Options } = containerd.runcOptions;
    const file = join(host.berth.directory, "root-file");
    await writeFile(file, "");
    const value = Buffer.from(Options.encode(Options.fromPartial({ root: join(file, "root") })).finish());
    const rootfs = await own.create(shell("rootless", "exit 0"));
    const options = { typeUrl: "containerd.runc.v1.Options", value };
    await assert.rejects(own.createTask({ containerId: "rootless", rootfs, options }), {
      code: status.INVALID_ARGUMENT,
      details: /options: root: cannot create ".*\/root-file\/root\/.*": ENOTDIR/,
    });
    await assert.rejects(get("rootless"), { code: status.NOT_FOUND });
  });

  test("invalid tasks are rejected with the wrong field, and leave nothing", async () => {
    const { INVALID_ARGUMENT, NOT_FOUND, FAILED_PRECONDITION } = status;
    const mounts = await own.create(shell("refused", "exit 0"));
    const asked = { containerId: "refused", rootfs: mounts };
    const nowhere = { type: "bind", source: "/nosuch", target: "", options: ["rbind"] };
    for (const [wrong, code, details] of [
      [{ containerId: "none" }, NOT_FOUND, /none/],
      [{ terminal: true }, INVALID_ARGUMENT, /process\.terminal/],
      [{ stdout: "relative" }, INVALID_ARGUMENT, /stdout: "relative" has no absolute path/],
      [{ stdout: "file:///" }, INVALID_ARGUMENT, /output to "\/"/],
      [{ stdout: "tcp://host" }, INVALID_ARGUMENT, /stdout: "tcp:/],
      [{ stderr: "/nosuch/fifo" }, INVALID_ARGUMENT, /"\/nosuch\/fifo"/],
      [{ runtimePath: "/bin/true" }, INVALID_ARGUMENT, /runtime "\/bin\/true"/],
      [{ rootfs: [nowhere] }, INVALID_ARGUMENT, /^rootfs\[0\]: cannot mount "\/nosuch", type "bind": /],
      [{ rootfs: [{ ...nowhere, type: "nosuch" }] }, INVALID_ARGUMENT, /^rootfs\[0\]: .* type "nosuch": /],
    ] as const)
      await assert.rejects(own.createTask({ ...asked, ...wrong } as Partial<CreateTaskRequest>), {
        code,
        details,
      });
    const linux = { namespaces: [{ type: "mount" }], cgroupsPath: "/" };
    await assert.rejects(own.task({ ...shell("root", "exit 0"), spec: { linux } }), {
      code: INVALID_ARGUMENT,
      details: /cgroupsPath: "\/"/,
    });
    await own.task(shell("holder", "exit 0"));
    await using _others = await cgroupOfOthers(`/${own.namespace}-others`);
    const cgroups = {
      "": /a task has \/\S+\/holder/,
      "/holder": /a task has \/\S+\/holder/,
      "/holder/below": /a task has \/\S+\/holder/,
      "-others": /is in use: 0 processes and 1 cgroups/,
    };
    for (const [index, [end, details]] of Object.entries(cgroups).entries()) {
      const spec = { linux: { ...linux, cgroupsPath: `/${own.namespace}${end}` } };
      const refused = own.task({ ...shell(`taken-${index}`, "exit 0"), spec });
      await assert.rejects(refused, { code: FAILED_PRECONDITION, details });
    }
    await own.api.tasks.delete({ containerId: "holder" });
    const wrongs = {
      ...{ cgroupsPath: 5, namespaces: 5, resources: "none" },
      gidMappings: [{ containerID: 0, hostID: -1, size: 1 }],
    };
    for (const [name, wrong] of Object.entries(wrongs)) {
      const spec = { linux: { ...linux, [name]: wrong } };
      const details = new RegExp(`linux\\.${name} is no`);
      const refused = own.task({ ...shell(`wrong-${name}`, "exit 0"), spec });
      await assert.rejects(refused, { code: INVALID_ARGUMENT, details });
    }
    assert.deepEqual((await own.api.tasks.list({ filter: "" })).tasks, []);
    const state = await readdir(join(host.berth.state, "tasks"), { recursive: true });
    assert.deepEqual(
      state.filter((entry) => /(bundles|exits|runtimes\/\w+)\/./.test(entry)),
      [],
    );
    await own.createTask(asked);
    await own.api.tasks.delete({ containerId: "refused" });
  });

  const mappedLinux = {
    namespaces: ["mount", "user", "pid"].map((type) => ({ type })),
    uidMappings: [{ containerID: 0, hostID: 100_000, size: 65_536 }],
    gidMappings: [{ containerID: 0, hostID: 200_000, size: 65_536 }],
  };

  // crun (1.8.1 and 1.28) makes all mounts private if the root's propagation is not specified; runc does not.
  test("a mount propagates as its options say, whichever OCI runtime runs", async () => {
    await using source = await hostDirectory("shared");
    const mounts = [
      { destination: "/proc", type: "proc", source: "proc" },
      { destination: "/dev", type: "tmpfs", source: "tmpfs" },
      { destination: "/mnt", type: "bind", source: source.path, options: ["rbind", "rshared"] },
    ];
    await run({ ...shell("shared", "exec sleep 1000"), spec: { mounts } });
    const { pid } = (await get("shared")) ?? {};
    const seen = parseMountInfo(await readFile(`/proc/${pid}/mountinfo`, "utf8"));
    const shared = seen.filter(({ sharedGroup }) => sharedGroup !== undefined);
    assert.deepEqual(
      shared.map(({ mountPoint }) => mountPoint),
      ["/mnt"],
    );
    await stop("shared");
  });

  test("root of a user namespace can reach its root file system, and read nothing else on the way", async () => {
    const linux = { ...mappedLinux, cgroupsPath: `/${own.namespace}/mapped` };
    const { stdin, stdout, stderr } = await own.fifos();
    const terminal = testHandler !== "crun";
    const mapped = { ...shell("mapped", "exec sleep 1000"), process: { terminal }, spec: { linux } };
    await own.task(mapped, { stdin, stdout, terminal, stderr: terminal ? "" : stderr });
    await own.api.tasks.start({ containerId: "mapped", execId: "" });
    const tasks = join(host.berth.state, "tasks");
    const entries = await readdir(tasks, { recursive: true });
    const bundle = entries.find((entry) => entry.endsWith("/bundles/mapped")) ?? "";
    const { uid, gid, mode } = await stat(join(tasks, bundle));
    assert.deepEqual([uid, gid, mode & 0o777], [0, 200_000, 0o710]);
    const open: string[] = [];
    for (const name of await readdir(join(tasks, bundle))) {
      const found = await stat(join(tasks, bundle, name));
      const others = found.gid === gid ? found.mode >> 3 : found.mode;
      assert.equal(others & 0o2, 0, `${name} can be written to`);
      if ((others & 0o7) !== 0) open.push(name);
    }
    // Neither its specification, with the environment, nor the FIFOs and the socket of its streams.
    const harmless = ["rootfs", "pidfile", "conmon.pid", "create.log", "start.log"];
    assert.deepEqual(
      open.filter((name) => !harmless.includes(name)),
      [],
    );
    assert.ok(open.includes("rootfs"));
  });

  test("files of a snapshot with mappings belong to a user namespace's root", async () => {
    const linux = { ...mappedLinux, cgroupsPath: `/${own.namespace}/remapped` };
    const fifos = await own.fifos();
    const snapshotLabels = {
      "containerd.io/snapshot/uidmapping": "0:100000:65536",
      "containerd.io/snapshot/gidmapping": "0:200000:65536",
    };
    const script = "stat -c '%u %g %n' / /bin /bin/busybox; touch /made";
    await own.task({ ...shell("remapped", script), spec: { linux }, snapshotLabels }, fifos);
    const stdout = await reading(fifos.stdout);
    await own.api.tasks.start({ containerId: "remapped", execId: "" });
    assert.equal(await stdout.all, "0 0 /\n0 0 /bin\n0 0 /bin/busybox\n");
    const { mounts } = await own.api.snapshots.mounts({ snapshotter: "overlayfs", key: "remapped" });
    const options = mounts[0]?.options ?? [];
    assert.deepEqual(options.slice(0, 2), ["uidmap=0:100000:65536", "gidmap=0:200000:65536"]);
    const upper = options.find((option) => option.startsWith("upperdir="))?.slice("upperdir=".length) ?? "";
    const { uid, gid } = await stat(join(upper, "made"));
    assert.deepEqual([uid, gid], [100_000, 200_000]);
  });

  const nullOwner = async () => {
    const { uid, gid } = await stat("/dev/null");
    return [uid, gid];
  };

  // crun 1.8.1 gives its standard streams, including the machine's null device, to a user namespace's root.
  for (const { title, streams } of [
    { title: "no streams", streams: async () => ({}) },
    { title: "no standard input", streams: async () => ({ ...(await own.fifos()), stdin: "" }) },
    { title: "all streams", streams: () => own.fifos() },
  ])
    test(`root of a user namespace with ${title} does not become the owner of the machine's null device`, async () => {
      const id = title.replaceAll(" ", "-");
      await own.task({ ...shell(id, "exec sleep 1000"), spec: { linux: mappedLinux } }, await streams());
      await own.api.tasks.start({ containerId: id, execId: "" });
      assert.deepEqual(await nullOwner(), [0, 0]);
      await own.api.tasks.kill({ containerId: id, execId: "", signal: 9, all: true });
    });

  test("a terminal in a user namespace is rejected if its root would become the owner of the machine's null device", async () => {
    const container = {
      ...shell("on-terminal", "exec sleep 1000"),
      process: { terminal: true },
      spec: { linux: mappedLinux },
    };
    const { stdin, stdout } = await own.fifos();
    const made = own.task(container, { stdin, stdout, terminal: true });
    if (testHandler === "crun")
      await assert.rejects(made, { code: status.FAILED_PRECONDITION, details: /\/dev\/null.*or with runc/ });
    else await made;
    assert.deepEqual(await nullOwner(), [0, 0]);
  });
});
