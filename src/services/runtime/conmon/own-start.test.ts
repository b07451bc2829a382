import assert from "node:assert/strict";
import { chmod, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { until } from "../../../testing/until.ts";
import type { OciSpec } from "../spec/types.ts";
import { listeningProgram } from "../testing/listening-program.ts";
import { oneHandler, TaskBench } from "../testing/task-bench.ts";

const runtimes = [
  { type: "crun", path: "/usr/bin/crun" },
  { type: "runc", path: "/usr/sbin/runc" },
] as const;

for (const { type, path } of runtimes) {
  describe(`starting a container of ${type}`, () => {
    test("starts no program, and leaves it running in the OCI runtime's view", async () => {
      await using program = await listeningProgram(path);
      await using bench = await TaskBench.open({}, () => oneHandler(type, program.path, type));
      const task = await bench.run(type, "echo here; exec sleep 1000");
      await bench.logged(task, "here");
      assert.deepEqual(await program.commands(), ["create"]);
      await bench.rewind(task, "starting");
      await bench.restart();
      assert.equal((await bench.attach(type, task)).state().kind, "running");
      assert.deepEqual(await program.commands(), ["create", "state"]);
    });

    test("is the runtime's where a hook waits for the start", async () => {
      await using program = await listeningProgram(path);
      await using bench = await TaskBench.open({}, () => oneHandler(type, program.path, type));
      const [hook, told] = [join(bench.directory, "hook"), join(bench.directory, "told")];
      await writeFile(hook, `#!/bin/sh\ncat > ${told}\n`);
      await chmod(hook, 0o755);
      const withHook = (spec: OciSpec): OciSpec => ({ ...spec, hooks: { poststart: [{ path: hook }] } });
      await bench.run(type, "exec sleep 1000", withHook);
      assert.deepEqual(await program.commands(), ["create", "start"]);
      assert.notEqual(await readFile(told, "utf8"), "");
    });

    test("is finished by the next daemon where it was cut in the middle", async () => {
      await using bench = await TaskBench.open();
      const task = await bench.create(await bench.spec(type, "echo here; exec sleep 1000"));
      const state = join(bench.directory, type, task.id);
      await rename(join(state, "exec.fifo"), join(state, "exec.fifo.begun"));
      await bench.rewind(task, "starting");
      await bench.restart();
      const again = await bench.attach(type, task);
      assert.equal(again.state().kind, "running");
      await bench.logged(task, "here");
    });

    test("is taken for done by the next daemon where it was cut just before its end", async () => {
      await using bench = await TaskBench.open();
      const task = await bench.run(type, "echo here; exec sleep 1000");
      await bench.logged(task, "here");
      // As the FIFO was before it was removed.
      const begun = join(bench.directory, type, task.id, "exec.fifo.begun");
      const other = await bench.create(await bench.spec(type, "exec sleep 1000"));
      await rename(join(bench.directory, type, other.id, "exec.fifo"), `${begun}.other`);
      await other.delete();
      await rename(`${begun}.other`, begun);
      await bench.rewind(task, "starting");
      await bench.restart();
      assert.equal((await bench.attach(type, task)).state().kind, "running");
    });

    test("fails where the OCI runtime has lost its files of the container", async () => {
      await using bench = await TaskBench.open();
      const task = await bench.create(await bench.spec(type, "exec sleep 1000"));
      await rm(join(bench.directory, type, task.id), { recursive: true });
      await assert.rejects(task.start(), { code: "Internal", message: /no container .* that waits/ });
      assert.equal(task.state().kind, "exited");
    });

    test("fails where the first process was killed while it waited", async () => {
      await using bench = await TaskBench.open();
      const task = await bench.create(await bench.spec(type, "exec sleep 1000"));
      // So that the end is not known before the start.
      const monitor = Number(await readFile(join(bench.bundleOf(task), "conmon.pid"), "utf8"));
      process.kill(monitor, "SIGSTOP");
      process.kill(task.pid, "SIGKILL");
      await until(async () => (await task.livePid()) === undefined);
      const start = assert.rejects(task.start(), {
        code: "Internal",
        message: "start: the container's first process had ended before it was started",
      });
      process.kill(monitor, "SIGCONT");
      await start;
    });
  });
}
