import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readdir, writeFile } from "node:fs/promises";
import { PassThrough } from "node:stream";
import { after, before, describe, test } from "node:test";
import { until } from "../../../testing/until.ts";
import type { Task } from "../tasks.ts";
import { TaskBench, tracesOf } from "../testing/task-bench.ts";
import { TestClient } from "../testing/test-client.ts";
import { execsIn, pidOf } from "./exec-files.ts";

for (const handler of ["crun", "runc"]) {
  describe(`streamed exec with ${handler}`, () => {
    let bench: TaskBench;
    let task: Task;
    before(async () => {
      bench = await TaskBench.open();
      task = await bench.run(handler, "exec sleep 1000");
    });
    after(() => bench[Symbol.asyncDispose]());

    const exec = (client: TestClient, script: string, terminal = false) =>
      task.execStreamed({ args: ["/bin/sh", "-c", script], terminal }, client.io, client.signal);

    test("stdin, stdout and stderr are the command's, and its code comes back", async () => {
      const client = new TestClient({ stdin: "some words" });
      const { exitCode } = await exec(client, "cat; echo no >&2; exit 5");
      assert.deepEqual([exitCode, client.stdout, client.stderr], [5, "some words", "no\n"]);
    });

    test("a command without stdin reads the end", async () => {
      assert.equal((await exec(new TestClient(), "cat")).exitCode, 0);
    });

    test("streams that are not asked for are thrown away", async () => {
      const io = { ...new TestClient().io, stdout: undefined, stderr: undefined };
      const args = ["/bin/sh", "-c", "yes | head -c 1000000; exit 6"];
      const { exitCode } = await task.execStreamed(
        { args, terminal: false },
        io,
        new AbortController().signal,
      );
      assert.equal(exitCode, 6);
    });

    test("a command that does not read its stdin does not hold up its sender", async () => {
      const client = new TestClient({ stdin: Buffer.alloc(1_000_000) });
      assert.equal((await exec(client, "exec true")).exitCode, 0);
    });

    test("output waits for a client that is slow to take it, also after the command's end", async () => {
      const client = new TestClient({ takes: false });
      const done = exec(client, "yes | head -c 300000; exit 3");
      await until(() => client.stalled);
      client.take();
      assert.equal((await done).exitCode, 3);
      await until(() => client.stdout.length === 300_000);
    });

    test("a client that gives up stdout is a closed pipe for the command", async () => {
      const client = new TestClient();
      client.io.stdout?.destroy();
      // 141 is SIGPIPE; busybox tells it by its own code.
      assert.notEqual((await exec(client, "exec yes")).exitCode, 0);
    });

    test("a client that vanishes ends the command and its children", async () => {
      const client = new TestClient();
      const done = exec(client, `sleep ${marker(1)} & sleep ${marker(1)}`);
      await until(async () => (await tracesOf(marker(1))).length >= 2);
      client.vanish();
      await assert.rejects(done, { code: "Canceled" });
      assert.deepEqual(await tracesOf(marker(1)), []);
    });

    test("what a command leaves running is heard to its end", async () => {
      const client = new TestClient();
      const { exitCode } = await exec(client, "(sleep 0.5; echo late) & echo early; exit 3");
      assert.deepEqual([exitCode, client.stdout], [3, "early\nlate\n"]);
    });

    test("a service that is left running runs on when its client has gone", async () => {
      const client = new TestClient();
      const done = exec(client, `sleep ${marker(2)} & echo started`);
      await until(async () => client.stdout !== "" && !(await runtimeRuns(bench, task)));
      client.vanish();
      await assert.rejects(done, { code: "Canceled" });
      assert.notDeepEqual(await tracesOf(marker(2)), []);
    });

    test("a process that has got the pid of a command is not killed for it, during the command and after its end", async () => {
      const other = spawn("/bin/sleep", [marker(6)]);
      try {
        const during = new TestClient();
        const running = exec(during, `echo up; sleep ${marker(7)}`);
        await until(() => during.stdout !== "");
        await writePid(bench.bundleOf(task), other.pid);
        during.vanish();
        await assert.rejects(running, { code: "Canceled" });
        // Without its pid nobody waits for its end.
        await until(async () => (await tracesOf(marker(7))).length === 0);
        const after = new TestClient();
        const ended = exec(after, `sleep ${marker(8)} & echo up`);
        await until(async () => after.stdout !== "" && !(await runtimeRuns(bench, task)));
        await writePid(bench.bundleOf(task), other.pid);
        after.vanish();
        await assert.rejects(ended, { code: "Canceled" });
        assert.equal(other.exitCode ?? other.signalCode, null);
      } finally {
        other.kill("SIGKILL");
      }
    });

    test("a command that is not there is 127, with the reason on stderr", async () => {
      const client = new TestClient();
      const request = { args: ["/nosuch"], terminal: false };
      assert.equal((await task.execStreamed(request, client.io, client.signal)).exitCode, 127);
      assert.match(client.stderr, /nosuch/);
    });

    describe("on a terminal", () => {
      test("it has one, of the kind xterm, whose output is stdout, and its code comes back", async () => {
        const client = new TestClient();
        const { exitCode } = await exec(client, "tty; echo $TERM; echo no >&2; exit 4", true);
        assert.equal(exitCode, 4);
        assert.match(client.stdout, /^\/dev\/pts\/\d+\r\nxterm\r\nno\r\n$/);
      });

      test("what is typed reaches it, control characters too", async () => {
        const client = new TestClient({ typed: true });
        const done = exec(
          client,
          "stty -echo; echo ready; read word; echo got $word; cat; exec sleep 1000",
          true,
        );
        await until(() => client.stdout.includes("ready"));
        client.type("hello\n");
        await until(() => client.stdout.includes("got hello"));
        client.type("\x04");
        client.type("\x03");
        assert.equal((await done).exitCode, 130);
      });

      // crun, 1.28 too, sets the size when the command may already run.
      if (handler === "runc") {
        test("it has the size that the client has told when it starts", async () => {
          for (let width = 100; width < 110; width++) {
            const client = new TestClient();
            client.resize({ width, height: 30 });
            await exec(client, "stty size", true);
            assert.equal(client.stdout.trim(), `30 ${width}`);
          }
        });
      }

      test("it has the client's size, from the beginning and when that changes", async () => {
        const client = new TestClient();
        client.resize({ width: 81, height: 25 });
        const script = "trap 'stty size' WINCH; echo ready; while :; do sleep 0.05; done";
        const done = exec(client, script, true);
        await until(() => client.stdout.includes("ready"));
        for (let width = 100; width < 120; width++) client.resize({ width, height: 30 });
        await until(() => client.stdout.includes("30 119"));
        client.vanish();
        await assert.rejects(done, { code: "Canceled" });
      });

      test("a large paste into a command that echoes it does not lock up", async () => {
        const client = new TestClient({ typed: true });
        const done = exec(client, "stty raw -echo; echo ready; head -c 200000 | wc -c", true);
        await until(() => client.stdout.includes("ready"));
        client.type("x".repeat(200_000));
        assert.equal((await done).exitCode, 0);
        assert.match(client.stdout, /200000/);
      });

      test("output waits for a client that is slow to take it", async () => {
        const client = new TestClient({ takes: false });
        const done = exec(client, "yes | head -c 300000; exit 3", true);
        await until(() => client.stalled);
        client.take();
        assert.equal((await done).exitCode, 3);
        await until(() => client.stdout.length === 450_000);
      });

      test("a client that vanishes ends the command", async () => {
        const client = new TestClient();
        const done = exec(client, `sleep ${marker(3)}`, true);
        await until(async () => (await tracesOf(marker(3))).length > 0);
        client.vanish();
        await assert.rejects(done, { code: "Canceled" });
        assert.deepEqual(await tracesOf(marker(3)), []);
      });

      test("a command that is not there is 127, with the reason", async () => {
        const client = new TestClient();
        const request = { args: ["/nosuch"], terminal: true };
        assert.equal((await task.execStreamed(request, client.io, client.signal)).exitCode, 127);
        assert.match(client.stdout + client.stderr, /nosuch/);
      });
    });

    test("nothing is left of all that in the bundle", async () => {
      const names = await readdir(bench.bundleOf(task));
      assert.deepEqual(
        names.filter((name) => name.startsWith("exec-")),
        [],
      );
    });

    test("a command that a killed daemon left is ended by the next one, others are not", async () => {
      const other = await bench.run(handler, `sleep ${marker(4)} & exec sleep 1000`);
      const left = new PassThrough();
      const io = { ...new TestClient().io, stdout: left };
      const args = ["sleep", marker(5)];
      const { signal } = new AbortController();
      const exec = other.execStreamed({ args, terminal: false }, io, signal).catch(() => undefined);
      // Until it has a pid, a runtime that is still at work has it.
      await until(async () => hasPid(bench.bundleOf(other)));
      await bench.attach(handler, other);
      assert.deepEqual(await tracesOf(marker(5)), []);
      assert.notDeepEqual(await tracesOf(marker(4)), []);
      await exec;
    });
  });
}

async function hasPid(bundle: string): Promise<boolean> {
  const [exec] = await execsIn(bundle);
  return exec !== undefined && (await pidOf(exec)) !== undefined;
}

/** False when the command of the one exec has ended, and what started it. */
async function runtimeRuns(bench: TaskBench, task: Task): Promise<boolean> {
  return (await tracesOf(bench.bundleOf(task))).some((trace) => /^process \d+: .*exec-/.test(trace));
}

async function writePid(bundle: string, pid: number | undefined): Promise<void> {
  const [exec] = await execsIn(bundle);
  assert.ok(exec !== undefined);
  await writeFile(exec.pid, String(pid));
}

/** Seconds to sleep, by which a process is found again that is this run's alone. */
function marker(test: number): string {
  return `7${test}${process.pid}`;
}
