import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { constants, open, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { HostPaths } from "../../../ground/hostpaths/index.ts";
import { until } from "../../../testing/until.ts";
import type { ClientOutput, FirstProcessIo, Task } from "../tasks.ts";
import { TaskBench } from "../testing/task-bench.ts";

/** What a client gives a process as its streams. */
function client(
  stdin: string | undefined,
  output: ClientOutput,
): Extract<FirstProcessIo, { readonly kind: "client" }> {
  return { kind: "client", stdin, output, lookUp: new HostPaths().of("test") };
}

function fifoIo({
  stdin,
  stdout,
  stderr,
}: { [Name in keyof Paths]?: Paths[Name] | undefined }): FirstProcessIo {
  return client(stdin, { kind: "fifos", stdout, stderr });
}

type Paths = { readonly stdin: string; readonly stdout: string; readonly stderr: string };

for (const handler of ["crun", "runc"]) {
  describe(`a first process with ${handler} whose streams are a client's`, () => {
    let bench: TaskBench;
    let count = 0;
    before(async () => {
      bench = await TaskBench.open();
    });
    after(() => bench[Symbol.asyncDispose]());

    /** As a client makes them. */
    const fifos = async (): Promise<Paths> => {
      const number = ++count;
      const [stdin, stdout, stderr] = ["stdin", "stdout", "stderr"].map((name) =>
        join(bench.directory, `${name}-${number}`),
      ) as [string, string, string];
      await promisify(execFile)("mkfifo", ["-m", "600", stdin, stdout, stderr]);
      return { stdin, stdout, stderr };
    };
    const run = async (script: string, io: FirstProcessIo): Promise<Task> => {
      const task = await bench.create({ ...(await bench.spec(handler, script)), io });
      await task.start();
      return task;
    };

    test("reads and writes them, and may open them by their names", async () => {
      const io = await fifos();
      const task = await run("cat; echo named > /proc/self/fd/1; echo no >&2; exit 3", fifoIo(io));
      const [stdout, stderr] = [await reading(io.stdout), await reading(io.stderr)];
      const typed = await open(io.stdin, "w");
      await typed.write("some words ");
      await typed.close();
      assert.equal(task.state().kind, "running");
      await task.closeStdin();
      assert.equal((await task.wait()).exitCode, 3);
      assert.deepEqual([await stdout.all, await stderr.all], ["some words named\n", "no\n"]);
      await task.closeStdin();
      assert.equal(task.log, undefined);
      await task.delete();
      assert.ok((await stat(io.stdout)).isFIFO());
    });

    test("has a stdin that is at its end where it has none", async () => {
      const io = await fifos();
      const made = await bench.spec(handler, "cat; echo end");
      const task = await bench.create({ ...made, io: fifoIo({ ...io, stdin: undefined }) });
      const stdout = await reading(io.stdout);
      await task.start();
      assert.equal((await task.wait()).exitCode, 0);
      assert.equal(await stdout.all, "end\n");
    });

    test("may write to an output that there is none of, and the host's null device stays root's", async () => {
      const { stdout: _, ...io } = await fifos();
      const spec = await bench.spec(
        handler,
        "echo lost && echo named > /dev/stdout && echo told >&2",
        (made) => ({
          ...made,
          process: { ...made.process, user: { uid: 1000, gid: 1001, additionalGids: [] } },
        }),
      );
      const task = await bench.create({ ...spec, io: fifoIo(io) });
      const stderr = await reading(io.stderr);
      await task.start();
      assert.equal((await task.wait()).exitCode, 0);
      assert.equal(await stderr.all, "told\n");
      assert.equal((await stat("/dev/null")).uid, 0);
    });

    test("appends both outputs to a file, also when a daemon goes and another comes", async () => {
      const path = join(bench.directory, `logs-${++count}`, "output");
      const io = client(undefined, { kind: "file", path });
      const first = await run("echo one; echo two >&2; cat; exit 4", io);
      assert.equal((await first.wait()).exitCode, 4);
      const second = await run("while [ ! -e /tmp/go ]; do sleep 0.02; done; echo three", io);
      await bench.restart();
      const next = await bench.attach(handler, second);
      await next.execSync({ args: ["/bin/sh", "-c", "echo > /tmp/go"], timeoutMs: 0 });
      assert.equal((await next.wait()).exitCode, 0);
      assert.equal(await readFile(path, "utf8"), "one\ntwo\nthree\n");
      for (const wrong of [bench.directory, "/dev/null", join(path, "below")])
        await assert.rejects(run("true", { ...io, output: { kind: "file", path: wrong } }), {
          code: "InvalidArgument",
        });
    });

    test("waits for a client, and loses nothing and does not end when a daemon and a client go and others come", async () => {
      const io = await fifos();
      const task = await run("yes | head -c 300000; echo end", fifoIo(io));
      const first = await open(io.stdout, "r");
      const { bytesRead } = await first.read(Buffer.alloc(1000), 0, 1000);
      await bench.restart();
      await first.close();
      const next = await bench.attach(handler, task);
      assert.equal(next.state().kind, "running");
      const rest = await reading(io.stdout);
      assert.equal((await next.wait()).exitCode, 0);
      assert.equal(bytesRead + (await rest.all).length, 300_004);
      await next.delete();
    });

    test("leaves output for a client that comes after its end", async () => {
      const io = await fifos();
      const task = await run("echo late", fifoIo(io));
      assert.equal((await task.wait()).exitCode, 0);
      const late = await open(io.stdout, constants.O_RDONLY | constants.O_NONBLOCK);
      const { buffer, bytesRead } = await late.read(Buffer.alloc(100), 0, 100);
      await late.close();
      assert.equal(String(buffer.subarray(0, bytesRead)), "late\n");
      await task.delete();
    });

    test("has no console and no terminal", async () => {
      const task = await run("exec sleep 1000", fifoIo(await fifos()));
      await assert.rejects(task.resize({ width: 80, height: 25 }), { code: "FailedPrecondition" });
      const nothing = { stdin: undefined, stdout: undefined, stderr: undefined, resize: noSizes() };
      await assert.rejects(task.attach(nothing, new AbortController().signal), {
        code: "FailedPrecondition",
        message: /belong to the client that created it/,
      });
    });

    test("is not created with a program that is not there, in the OCI runtime's words", async () => {
      const spec = await bench.spec(handler, "", (made) => ({
        ...made,
        process: { ...made.process, args: ["/nosuch"] },
      }));
      await assert.rejects(bench.create({ ...spec, io: fifoIo(await fifos()) }), {
        code: "Internal",
        message: /nosuch/,
      });
    });

    test("is not created with what is no FIFO", async () => {
      const io = await fifos();
      for (const stdout of [join(bench.directory, "nosuch"), "/dev/null"])
        await assert.rejects(run("true", fifoIo({ ...io, stdout })), { code: "InvalidArgument" });
    });
  });
}

describe("a first process", () => {
  test("has a terminal that can be given a size, and a stdin of a console that cannot be closed", async () => {
    await using bench = await TaskBench.open();
    const spec = await bench.spec("crun", "while :; do stty size; sleep 0.05; done", (made) => ({
      ...made,
      process: { ...made.process, terminal: true },
    }));
    const task = await bench.create({ ...spec, io: bench.console(spec.id, { terminal: true }) });
    await task.start();
    await task.resize({ width: 91, height: 31 });
    await until(async () => (await bench.log(task)).includes("31 91"));
    await assert.rejects(task.closeStdin(), { code: "FailedPrecondition" });
  });

  test("without streams reads the end and loses its output", async () => {
    await using bench = await TaskBench.open();
    const spec = await bench.spec("crun", "cat && yes | head -c 300000 && exit 5");
    const task = await bench.create({ ...spec, io: { kind: "none" } });
    await task.start();
    assert.equal((await task.wait()).exitCode, 5);
  });
});

async function* noSizes(): AsyncGenerator<never> {}

/**
 * All that comes out of a FIFO that somebody has open for writing. By a program: a read that waits would hold
 * a thread of ours.
 */
async function reading(path: string): Promise<{ readonly all: Promise<string> }> {
  await using reader = await open(path, "r");
  const cat = spawn("cat", { stdio: [reader.fd, "pipe", "inherit"] });
  assert.ok(cat.stdout !== null);
  return { all: text(cat.stdout) };
}
