import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { constants } from "node:fs";
import { mkdir, open, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { HostPaths } from "../../../ground/hostpaths/index.ts";
import { mount, unmount } from "../../../ground/linux/index.ts";
import { until } from "../../../testing/until.ts";
import type { Command, CommandIo, Task } from "../tasks.ts";
import { TaskBench, tracesOf } from "../testing/task-bench.ts";
import { TestClient } from "../testing/test-client.ts";

type Stream = "stdin" | "stdout" | "stderr";

type Paths = { [Name in Stream]?: string };

/** A client's FIFOs as the streams of a command. */
function io({ stdin, stdout, stderr }: Paths = {}, terminal = false): CommandIo {
  const output = { kind: "fifos", stdout, stderr } as const;
  return { kind: "client", terminal, stdin, output, lookUp: new HostPaths().of("test") };
}

for (const handler of ["crun", "runc"]) {
  describe(`a process with ${handler}`, () => {
    let bench: TaskBench;
    let task: Task;
    let count = 0;
    before(async () => {
      bench = await TaskBench.open();
      task = await bench.run(handler, "exec sleep 1000");
    });
    after(() => bench[Symbol.asyncDispose]());

    const command = (script: string, streams = io()): Command => ({
      id: `process-${++count}`,
      process: { kind: "likeFirst", args: ["/bin/sh", "-c", script] },
      io: streams,
    });

    /** FIFOs as a client makes them. */
    const fifos = async (...names: readonly Stream[]): Promise<Paths> => {
      const made: Paths = {};
      for (const name of names) {
        const path = join(bench.directory, `${name}-${++count}`);
        await promisify(execFile)("mkfifo", ["-m", "600", path]);
        made[name] = path;
      }
      return made;
    };

    test("that cannot be deleted can be deleted later", async () => {
      const process = await task.exec(command("exit 0"));
      await process.start();
      await process.wait();
      const bundle = bench.bundleOf(task);
      const [name = ""] = (await readdir(bundle)).filter((each) => each.startsWith("exec-"));
      const obstacle = join(bundle, name, "obstacle");
      await mkdir(obstacle);
      await mount({ source: "obstacle", target: obstacle, type: "tmpfs" });
      try {
        await assert.rejects(process.delete(), /EBUSY/);
        assert.equal(task.process(process.id), process);
      } finally {
        await unmount(obstacle);
      }
      await process.delete();
      assert.throws(() => task.process(process.id), { code: "NotFound" });
    });

    test("is created, runs, and has exited, until it is deleted; its task lists it by its id", async () => {
      const process = await task.exec(command("sleep 1000"));
      assert.equal(process.state().kind, "created");
      assert.equal(task.process(process.id), process);
      await process.start();
      const state = process.state();
      assert.ok(state.kind === "running" && (await task.pids()).includes(state.pid));
      await assert.rejects(process.delete(), { code: "FailedPrecondition" });
      await process.kill(15);
      const exit = await process.wait();
      assert.equal(exit.exitCode, 143);
      assert.deepEqual(process.state(), { kind: "exited", exit });
      assert.deepEqual(task.processes(), [process]);
      await process.delete();
      assert.deepEqual(task.processes(), []);
      assert.throws(() => task.process(process.id), { code: "NotFound" });
      assert.deepEqual(await execDirectories(bench, task), []);
    });

    test("that was never started is deleted too", async () => {
      const process = await task.exec(command("true"));
      await assert.rejects(process.kill(9), { code: "FailedPrecondition" });
      await process.delete();
      await assert.rejects(process.start(), { code: "FailedPrecondition" });
      assert.deepEqual(task.processes(), []);
    });

    test("has an id of its own in its task", async () => {
      const first = command("true");
      const process = await task.exec(first);
      await assert.rejects(task.exec(first), { code: "AlreadyExists" });
      await process.delete();
      await (await task.exec(first)).delete();
    });

    test("that cannot be run fails to start, with the code of shells, and is deleted like others", async () => {
      const process = await task.exec({ ...command(""), process: { kind: "likeFirst", args: ["/nosuch"] } });
      await assert.rejects(process.start(), { code: "Internal", commandStatus: 127, message: /nosuch/ });
      assert.equal((await process.wait()).exitCode, 127);
      await process.delete();
    });

    test("says that its container has ended, whatever step of the OCI runtime met that (crun#218)", async () => {
      const other = await bench.run(handler, "exec sleep 1000");
      const monitor = Number(await readFile(join(bench.bundleOf(other), "conmon.pid"), "utf8"));
      // So that nobody but the kernel knows of the end.
      process.kill(monitor, "SIGSTOP");
      try {
        process.kill(other.pid, "SIGKILL");
        await until(async () => (await other.livePid()) === undefined);
        const late = await other.exec(command("true"));
        const message = /ended before the command was running/;
        await assert.rejects(late.start(), { code: "FailedPrecondition", message });
      } finally {
        process.kill(monitor, "SIGCONT");
      }
      await other.wait();
      await other.delete();
    });

    test("may have another user and environment than the first one", async () => {
      const client = new TestClient();
      const { spec } = await bench.spec(handler, "");
      const process = await task.exec({
        ...command("", { kind: "streams", terminal: false, ...client.io }),
        process: {
          kind: "whole",
          process: {
            ...spec.process,
            args: ["/bin/sh", "-c", "id -u; echo $COLOR"],
            env: ["PATH=/bin", "COLOR=blue"],
            user: { uid: 7, gid: 7, additionalGids: [] },
          },
        },
      });
      await process.start();
      await process.wait();
      await process.outputEnded(client.signal);
      assert.equal(client.stdout, "7\nblue\n");
      await process.delete();
    });

    test("is killed with its children", async () => {
      const process = await task.exec(command(`sleep ${marker(1)} & sleep ${marker(1)}`));
      await process.start();
      await until(async () => (await tracesOf(marker(1))).length >= 2);
      await process.killAll();
      assert.deepEqual(await tracesOf(marker(1)), []);
      await process.wait();
      await process.delete();
    });

    test("ends with its task, whose deletion forgets it", async () => {
      const other = await bench.run(handler, "exec sleep 1000");
      const process = await other.exec(command("sleep 1000"));
      await process.start();
      await other.delete();
      assert.equal((await process.wait()).exitCode, 137);
      assert.deepEqual(other.processes(), []);
    });

    test("reads and writes FIFOs of a client, until that closes them", async () => {
      const paths = await fifos("stdin", "stdout", "stderr");
      const process = await task.exec(command("cat; echo no >&2", io(paths)));
      await process.start();
      const [stdout, stderr] = [await reading(paths.stdout), await reading(paths.stderr)];
      const typed = await open(paths.stdin ?? "", "w");
      await typed.write("some words");
      await typed.close();
      assert.equal(process.state().kind, "running");
      process.closeStdin();
      assert.equal((await process.wait()).exitCode, 0);
      assert.deepEqual([await stdout.all, await stderr.all], ["some words", "no\n"]);
      await process.delete();
    });

    test("reads nothing before it starts, so that a client is heard that ends its input at once", async () => {
      const paths = await fifos("stdin", "stdout");
      const process = await task.exec(command("cat", io(paths)));
      const typing = open(paths.stdin ?? "", constants.O_WRONLY | constants.O_NONBLOCK);
      await assert.rejects(typing, { code: "ENXIO" });
      // It waits until there is a reader.
      const typed = writeFile(paths.stdin ?? "", "at once").then(() => process.closeStdin());
      await process.start();
      await typed;
      assert.equal((await process.wait()).exitCode, 0);
      await using said = await open(paths.stdout ?? "", constants.O_RDONLY | constants.O_NONBLOCK);
      const { buffer, bytesRead } = await said.read(Buffer.alloc(100), 0, 100);
      assert.equal(buffer.toString("utf8", 0, bytesRead), "at once");
      await process.delete();
    });

    test("waits for a client that does not read its FIFO, and one may leave and another come", async () => {
      const paths = await fifos("stdout");
      const process = await task.exec(command("yes | head -c 300000; echo end", io(paths)));
      await process.start();
      const first = await open(paths.stdout ?? "", "r");
      const { bytesRead } = await first.read(Buffer.alloc(1000), 0, 1000);
      await first.close();
      const rest = await (await reading(paths.stdout)).all;
      assert.equal(bytesRead + rest.length, 300_004);
      assert.ok(rest.endsWith("end\n"));
      assert.equal((await process.wait()).exitCode, 0);
      await process.delete();
    });

    test("is deleted with output in a FIFO that nobody reads", async () => {
      const paths = await fifos("stdout");
      const process = await task.exec(command("echo unread", io(paths)));
      await process.start();
      await process.wait();
      await process.delete();
      assert.ok((await stat(paths.stdout ?? "")).isFIFO());
    });

    test("takes nothing but FIFOs, and makes none", async () => {
      const missing = { stdout: join(bench.directory, "nosuch") };
      const file = { stdout: bench.logPath(task) };
      for (const paths of [missing, file])
        await assert.rejects(task.exec(command("true", io(paths))), {
          code: "InvalidArgument",
        });
      assert.deepEqual(task.processes(), []);
    });

    test("on a terminal reads and writes FIFOs too, in the size that it is given", async () => {
      const paths = await fifos("stdin", "stdout");
      const process = await task.exec(command("read line; stty size; echo $line; tty", io(paths, true)));
      process.resize({ width: 91, height: 31 });
      await process.start();
      const stdout = await reading(paths.stdout);
      const typed = await open(paths.stdin ?? "", "w");
      await typed.write("words\n");
      assert.equal((await process.wait()).exitCode, 0);
      assert.match(await stdout.all, /31 91\r\nwords\r\n\/dev\/pts\/\d+\r\n$/);
      await typed.close();
      await process.delete();
    });
  });
}

function marker(count: number): string {
  return `8${count}${process.pid}`;
}

/**
 * Opens a FIFO that somebody has open for writing, and reads it to its end. By a program of its own: a read
 * that waits would hold a thread of ours.
 */
async function reading(path: string | undefined): Promise<{ readonly all: Promise<string> }> {
  await using reader = await open(path ?? "", "r");
  const cat = spawn("cat", { stdio: [reader.fd, "pipe", "inherit"] });
  assert.ok(cat.stdout !== null);
  return { all: text(cat.stdout) };
}

async function execDirectories(bench: TaskBench, task: Task): Promise<readonly string[]> {
  return (await readdir(bench.bundleOf(task))).filter((name) => name.startsWith("exec-"));
}
