import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { until } from "../../../testing/until.ts";
import type { Task, TaskConsole } from "../tasks.ts";
import { TaskBench } from "../testing/task-bench.ts";
import { TestClient } from "../testing/test-client.ts";

/** Repeats each word that it reads, and says when its stdin has ended. */
const echo =
  "echo ready; while read word; do echo got $word; echo err $word >&2; done; echo end; exec sleep 1000";

describe("attach", () => {
  let bench: TaskBench;
  before(async () => {
    bench = await TaskBench.open({ slowClientMs: 500 });
  });
  after(() => bench[Symbol.asyncDispose]());

  async function run(script: string, console: Partial<TaskConsole> = {}): Promise<Task> {
    const spec = await bench.spec("crun", script, (made) => ({
      ...made,
      process: { ...made.process, terminal: console.terminal ?? false },
    }));
    const task = await bench.create({ ...spec, io: bench.console(spec.id, console) });
    await task.start();
    return task;
  }

  test("all that are attached get the output from then on, and any can write to stdin", async () => {
    const task = await run(echo, { stdin: true });
    await bench.logged(task, "ready");
    const clients = [new TestClient({ typed: true }), new TestClient({ typed: true }), new TestClient()];
    const attached = clients.map((client) => task.attach(client.io, client.signal));
    clients[0]?.type("one\n");
    await until(() =>
      clients.every(({ stdout, stderr }) => stdout === "got one\n" && stderr === "err one\n"),
    );
    clients[1]?.type("two\n");
    await until(() => clients.every(({ stdout }) => stdout === "got one\ngot two\n"));
    clients[0]?.vanish();
    await assert.rejects(attached[0] ?? Promise.resolve(), { code: "Canceled" });
    clients[1]?.type("three\n");
    await until(() => clients[2]?.stdout.endsWith("got three\n"));
    await task.killAll();
    await Promise.all(attached.slice(1));
  });

  test("stdin stays open for the next when a client leaves", async () => {
    const task = await run(echo, { stdin: true });
    const first = new TestClient({ typed: true });
    const attached = task.attach(first.io, first.signal);
    first.type("one\n");
    await until(() => first.stdout.includes("got one"));
    first.endInput();
    first.vanish();
    await assert.rejects(attached, { code: "Canceled" });
    const second = new TestClient({ typed: true });
    task.attach(second.io, second.signal).catch(() => undefined);
    second.type("two\n");
    await until(() => second.stdout.includes("got two"));
    second.vanish();
    assert.doesNotMatch(await bench.log(task), /end/);
  });

  test("stdin that is for one client only ends with that one, and not with those that had none", async () => {
    const task = await run(echo, { stdin: true, stdinOnce: true });
    const watcher = new TestClient();
    const watching = task.attach(watcher.io, watcher.signal);
    watcher.vanish();
    await assert.rejects(watching, { code: "Canceled" });
    const writer = new TestClient({ typed: true });
    const writing = task.attach(writer.io, writer.signal);
    writer.type("one\n");
    await until(() => writer.stdout.includes("got one"));
    assert.doesNotMatch(await bench.log(task), /end/);
    writer.endInput();
    await until(() => writer.stdout.includes("end"));
    writer.vanish();
    await assert.rejects(writing, { code: "Canceled" });
  });

  test("stdin that is for one client only ends when that one vanishes", async () => {
    const task = await run(echo, { stdin: true, stdinOnce: true });
    const writer = new TestClient({ typed: true });
    task.attach(writer.io, writer.signal).catch(() => undefined);
    writer.type("one\n");
    await until(() => writer.stdout.includes("got one"));
    writer.vanish();
    await bench.logged(task, "end");
  });

  test("a container without stdin reads none", async () => {
    const task = await run("read word; echo got $word; exec sleep 1000");
    const client = new TestClient({ stdin: "word\n" });
    task.attach(client.io, client.signal).catch(() => undefined);
    await bench.logged(task, "got");
    assert.match(await bench.log(task), /got\s*$/);
    client.vanish();
  });

  test("ends well after all output when the process exits", async () => {
    const task = await run("read go; yes | head -c 3000000; exit 3", { stdin: true });
    const client = new TestClient({ stdin: "go\n" });
    await task.attach(client.io, client.signal);
    assert.equal(client.stdout.length, 3_000_000);
    assert.equal((await task.wait()).exitCode, 3);
  });

  test("one that takes no output is taken off, and the container goes on for the others", async () => {
    const task = await run("read go; yes | head -c 9000000; exit 3", { stdin: true });
    const [stuck, other] = [new TestClient({ takes: false }), new TestClient({ stdin: "go\n" })];
    const attached = task.attach(stuck.io, stuck.signal);
    attached.catch(() => undefined);
    await task.attach(other.io, other.signal);
    await assert.rejects(attached, { code: "ResourceExhausted" });
    assert.equal(other.stdout.length, 9_000_000);
  });

  test("one that takes no output does not hold up the others, nor the container's end", async () => {
    await using patient = await TaskBench.open({ slowClientMs: 600_000 });
    const script = "read go; (yes | head -c 30000000) & read end; echo done >&2; exit 4";
    const spec = await patient.spec("crun", script);
    const task = await patient.create({ ...spec, io: patient.console(spec.id, { stdin: true }) });
    await task.start();
    const stuck = new TestClient({ takes: false });
    const attached = task.attach(stuck.io, stuck.signal);
    attached.catch(() => undefined);
    const other = new TestClient({ typed: true });
    task.attach({ ...other.io, stdout: undefined }, other.signal).catch(() => undefined);
    other.type("go\n");
    await until(() => (stuck.io.stdout?.writableLength ?? 0) > 4 * 1024 * 1024);
    other.type("end\n");
    assert.equal((await task.wait()).exitCode, 4);
    await until(() => other.stderr.endsWith("done\n"));
    await assert.rejects(attached, { code: "ResourceExhausted", message: /has ended/ });
  });

  test("a terminal takes what is typed, shows it, and has the size that came last", async () => {
    const script = "stty -echo; echo ready; while read word; do stty size; done";
    const task = await run(script, { terminal: true, stdin: true });
    await bench.logged(task, "ready");
    const client = new TestClient({ typed: true });
    task.attach(client.io, client.signal).catch(() => undefined);
    for (let width = 100; width < 140; width++) client.resize({ width, height: 30 });
    await until(() => {
      client.type("x\n");
      return client.stdout.includes("30 139");
    });
    client.vanish();
  });

  test("clients that come and go leave nothing with conmon", async () => {
    const task = await run("echo ready; exec sleep 1000", { stdin: true });
    // With output, the connection would end, and conmon notices that only with the next output.
    await bench.logged(task, "ready");
    const monitor = (await readFile(join(bench.bundleOf(task), "conmon.pid"), "utf8")).trim();
    const descriptors = async () => (await readdir(`/proc/${monitor}/fd`)).length;
    const attachOnce = async () => {
      const client = new TestClient({ typed: true });
      const attached = task.attach(client.io, client.signal);
      client.vanish();
      await assert.rejects(attached, { code: "Canceled" });
    };
    await attachOnce();
    const before = await descriptors();
    for (let count = 0; count < 50; count++) await attachOnce();
    await until(async () => (await descriptors()) <= before + 1);
  });

  test("who attaches before the start is there for all of it, and nobody attaches to a container that has exited", async () => {
    const spec = await bench.spec("crun", "read word; echo got $word");
    const task = await bench.create({ ...spec, io: bench.console(spec.id, { stdin: true }) });
    const client = new TestClient({ typed: true });
    const attached = task.attach(client.io, client.signal);
    client.type("one\n");
    await task.start();
    await attached;
    assert.equal(client.stdout, "got one\n");
    await task.wait();
    const late = new TestClient();
    await assert.rejects(task.attach(late.io, late.signal), { code: "FailedPrecondition" });
  });
});
