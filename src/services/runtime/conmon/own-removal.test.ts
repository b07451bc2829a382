import assert from "node:assert/strict";
import { chmod, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import type { OciSpec } from "../spec/types.ts";
import { listeningProgram } from "../testing/listening-program.ts";
import { oneHandler, TaskBench, tracesOf } from "../testing/task-bench.ts";

const runtimes = [
  { type: "crun", path: "/usr/bin/crun" },
  { type: "runc", path: "/usr/sbin/runc" },
] as const;

for (const { type, path } of runtimes) {
  describe(`removing a container of ${type}`, () => {
    test("leaves nothing of it, and starts no program", async () => {
      await using program = await listeningProgram(path);
      await using bench = await TaskBench.open({}, () => oneHandler(type, program.path, type));
      const task = await bench.run(type, "exec sleep 1000");
      await task.killAll();
      await task.delete();
      assert.deepEqual(await program.commands(), ["create"]);
      assert.deepEqual(await tracesOf(task.id), []);
    });

    test("is the runtime's where a hook waits for the end", async () => {
      await using program = await listeningProgram(path);
      await using bench = await TaskBench.open({}, () => oneHandler(type, program.path, type));
      const [hook, gone] = [join(bench.directory, "hook"), join(bench.directory, "gone")];
      await writeFile(hook, `#!/bin/sh\ncat > /dev/null\ntouch ${gone}\n`);
      await chmod(hook, 0o755);
      const withHook = (spec: OciSpec): OciSpec => ({ ...spec, hooks: { poststop: [{ path: hook }] } });
      const task = await bench.run(type, "exec sleep 1000", withHook);
      await task.killAll();
      await task.delete();
      assert.deepEqual(await program.commands(), ["create", "delete"]);
      await stat(gone);
    });
  });
}
