import assert from "node:assert/strict";
import { readdir, stat } from "node:fs/promises";
import { after, before, describe, test } from "node:test";
import { until } from "../../../testing/until.ts";
import type { ExecResult, Task } from "../tasks.ts";
import { TaskBench, tracesOf } from "../testing/task-bench.ts";

/** Beyond what comes late here takes on the busiest machine. */
const drainMs = 600_000;

for (const handler of ["crun", "runc"]) {
  describe(`exec with ${handler}`, () => {
    let bench: TaskBench;
    let task: Task;
    before(async () => {
      bench = await TaskBench.open({ drainExecSyncIoTimeoutMs: drainMs });
      task = await bench.run(handler, "exec sleep 1000", (spec) => ({
        ...spec,
        process: {
          ...spec.process,
          user: { uid: 1000, gid: 1000, additionalGids: [1000] },
          env: ["PATH=/bin", "COLOR=red"],
        },
      }));
    });
    after(() => bench[Symbol.asyncDispose]());

    const exec = (script: string, timeoutMs = 0) =>
      task.execSync({ args: ["/bin/sh", "-c", script], timeoutMs });

    test("a command runs as the container's user in its environment, and both streams and its code come back", async () => {
      const result = await exec("id -u; echo $COLOR; echo no >&2; exit 3");
      assert.deepEqual(texts(result), { exitCode: 3, stdout: "1000\nred\n", stderr: "no\n" });
    });

    test("a command can open its streams by name, and reads nothing", async () => {
      assert.equal(texts(await exec("echo a > /dev/stdout; cat; echo b >> /dev/stderr")).stdout, "a\n");
    });

    test("the host's /dev/null stays root's", async () => {
      await exec("true");
      assert.equal((await stat("/dev/null")).uid, 0);
    });

    test("a command that ends by a signal counts 128 more", async () => {
      assert.equal((await exec("kill -9 $$")).exitCode, 137);
    });

    test("a command that is not there is 127, one that cannot be executed 126, with the reason", async () => {
      const missing = await task.execSync({ args: ["/nosuch"], timeoutMs: 0 });
      assert.equal(missing.exitCode, 127);
      assert.match(texts(missing).stderr, /nosuch/);
      const directory = await task.execSync({ args: ["/bin"], timeoutMs: 0 });
      assert.equal(directory.exitCode, 126);
      assert.notEqual(directory.stderr.length, 0);
    });

    test("a name that no program can have is 126, however long it is", async () => {
      const { exitCode, stderr } = await task.execSync({
        args: [`/${"exec".repeat(15_000)}`],
        timeoutMs: 0,
      });
      assert.equal(exitCode, 126);
      assert.ok(stderr.length < 4096);
    });

    test("output beyond 16 MiB is dropped while the command goes on to its end", async () => {
      const result = await exec("yes | head -c 20000000; exit 4");
      assert.equal(result.stdout.length, 16 * 1024 * 1024);
      assert.equal(result.exitCode, 4);
    });

    test("a command that is too slow is gone with all its children when the deadline is told", async () => {
      const script = `sleep ${marker(1)} & (sleep ${marker(1)} &); sleep ${marker(1)}`;
      await assert.rejects(exec(script, 300), { code: "DeadlineExceeded" });
      assert.deepEqual(await tracesOf(marker(1)), []);
    });

    test("a command that was killed leaves no zombie in the container", async () => {
      await assert.rejects(exec("exec sleep 1000", 300), { code: "DeadlineExceeded" });
      // The parent of what exec starts is outside, and has no number there.
      const zombies = `awk '/^Name/ {name = $2} /^State/ {state = $2} /^PPid/ && name == "sleep" && state == "Z" && $2 == 0' /proc/[0-9]*/status`;
      assert.equal(texts(await exec(zombies)).stdout, "");
    });

    test("a caller who gives up ends the command", async () => {
      const canceled = task.execSync({ args: ["sleep", marker(2)], timeoutMs: 0 }, AbortSignal.timeout(200));
      await assert.rejects(canceled, { code: "Canceled" });
      assert.deepEqual(await tracesOf(marker(2)), []);
    });

    test("what a command leaves running is heard to its end", async () => {
      const result = await exec("(sleep 0.5; echo late; sleep 0.5; echo later >&2) & echo early; exit 3");
      assert.deepEqual(texts(result), { exitCode: 3, stdout: "early\nlate\n", stderr: "later\n" });
    });

    test("a caller who gives up after the end of the command leaves alone what runs on", async () => {
      // One in which the answer is not ready before the caller gives up, however slow the machine.
      await using patient = await TaskBench.open({ drainExecSyncIoTimeoutMs: 600_000 });
      const other = await patient.run(handler, "exec sleep 1000");
      const gone = new AbortController();
      const request = { args: ["/bin/sh", "-c", `sleep ${marker(4)} & echo started`], timeoutMs: 0 };
      const given = other.execSync(request, gone.signal);
      const runtimes = async () =>
        (await tracesOf(patient.bundleOf(other))).filter((trace) => trace.includes("exec-"));
      await until(async () => (await tracesOf(marker(4))).length > 0 && (await runtimes()).length === 0);
      gone.abort();
      await assert.rejects(given, { code: "Canceled" });
      assert.notDeepEqual(await tracesOf(marker(4)), []);
    });

    test("a service that is left running holds up the answer no longer than the limit, and runs on", async () => {
      await using impatient = await TaskBench.open({ drainExecSyncIoTimeoutMs: 500 });
      const other = await impatient.run(handler, "exec sleep 1000");
      const args = ["/bin/sh", "-c", `sleep ${marker(3)} & echo started`];
      const result = await other.execSync({ args, timeoutMs: 0 });
      assert.deepEqual(texts(result), { exitCode: 0, stdout: "started\n", stderr: "" });
      assert.notDeepEqual(await tracesOf(marker(3)), []);
    });

    test("commands can run at the same time, and leave no files", async () => {
      const results = await Promise.all([1, 2, 3].map((code) => exec(`exit ${code}`)));
      assert.deepEqual(
        results.map(({ exitCode }) => exitCode),
        [1, 2, 3],
      );
      assert.deepEqual(
        (await readdir(bench.bundleOf(task))).filter((name) => name.startsWith("exec-")),
        [],
      );
    });

    test("nothing runs in a container that is not running", async () => {
      const created = await bench.create(await bench.spec(handler, "exit 0"));
      await assert.rejects(created.execSync({ args: ["true"], timeoutMs: 0 }), {
        code: "FailedPrecondition",
      });
    });
  });
}

/** Seconds to sleep, by which a process is found again that is this run's alone. */
function marker(test: number): string {
  return `8${test}${process.pid}`;
}

function texts({ exitCode, stdout, stderr }: ExecResult) {
  return { exitCode, stdout: Buffer.from(stdout).toString(), stderr: Buffer.from(stderr).toString() };
}
