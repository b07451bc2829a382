import assert from "node:assert/strict";
import { mkdir, readdir, readFile, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { smallDisk } from "../../../testing/small-disk.ts";
import { until } from "../../../testing/until.ts";
import { TaskBench, tracesOf } from "../testing/task-bench.ts";

for (const handler of ["crun", "runc"]) {
  describe(`damaged files of tasks with ${handler}`, () => {
    test("a creation for which there is no room says so, leaves nothing, and is made once there is room", async () => {
      await using disk = await smallDisk(1 << 20);
      await using bench = await TaskBench.open();
      const spec = { ...(await bench.spec(handler, "exit 3")), bundleDir: join(disk.path, "bundle") };
      await mkdir(spec.bundleDir);
      await disk.fill();
      await assert.rejects(bench.create(spec), {
        code: "ResourceExhausted",
        message: /config\.json.*free some space/,
      });
      assert.deepEqual(await readdir(spec.bundleDir), []);
      await disk.free();
      const task = await bench.create(spec);
      await task.start();
      assert.equal((await task.wait()).exitCode, 3);
      await task.delete();
    });

    for (const damage of ["", "{", "null", '{"init":{"pid":1}}']) {
      test(`a task of which only ${JSON.stringify(damage)} is left in its files is lost, and goes with all that runs`, async () => {
        await using bench = await TaskBench.open();
        const task = await bench.run(handler, "sleep 1000 & sleep 1000");
        await bench.tasks[Symbol.asyncDispose]();
        for (const name of ["task.json", "config.json"])
          await writeFile(join(bench.bundleOf(task), name), damage);
        await bench.restart();
        const again = await bench.attach(handler, task);
        const exit = await again.wait();
        assert.deepEqual([exit.cause, exit.exitCode], ["lost", 255]);
        assert.match(exit.message, /record of the container was damaged/);
        assert.ok(exit.startedAtNs > 0n);
        await again.kill(9);
        await again.delete();
        await until(async () => (await tracesOf(task.id)).length === 0);
        assert.deepEqual(await readdir(bench.bundleOf(task)), []);
      });
    }

    test("a task whose files the OCI runtime cannot read goes without it", async () => {
      await using bench = await TaskBench.open();
      const task = await bench.run(handler, "sleep 1000");
      const state = join(bench.directory, handler, task.id);
      for (const name of await readdir(state))
        if (/^(status|state\.json)$/.test(name)) await writeFile(join(state, name), "{");
      await task.delete();
      await until(async () => (await tracesOf(task.id)).length === 0);
      assert.deepEqual(await readdir(join(bench.directory, handler)), []);
    });

    test("what an OCI runtime left that was killed in a creation is removed, also when nothing else is left", async () => {
      await using bench = await TaskBench.open();
      const spec = await bench.spec(handler, "");
      const state = join(bench.directory, handler, spec.id);
      await mkdir(state, { recursive: true });
      await writeFile(join(state, "config.json"), "{}");
      await bench.tasks.remove(spec);
      assert.deepEqual(await readdir(join(bench.directory, handler)), []);
    });

    test("a start that was cut off, of which the OCI runtime has lost its files, can be stopped and deleted", async () => {
      await using bench = await TaskBench.open();
      const task = await bench.run(handler, "sleep 1000");
      await bench.rewind(task, "starting");
      await bench.restart();
      await bench.forget(handler, task);
      const again = await bench.attach(handler, task);
      assert.equal(again.state().kind, "running");
      await again.killAll();
      assert.equal((await again.wait()).exitCode, 137);
      await again.delete();
      await until(async () => (await tracesOf(task.id)).length === 0);
    });
  });
}

test("a command in a container whose specification was damaged fails with the name of the file", async () => {
  await using bench = await TaskBench.open();
  const task = await bench.run("crun", "sleep 1000");
  const config = join(bench.bundleOf(task), "config.json");
  assert.notEqual(await readFile(config, "utf8"), "");
  await truncate(config);
  await assert.rejects(task.execSync({ args: ["true"], timeoutMs: 0 }), {
    code: "DataLoss",
    message: new RegExp(config),
  });
});
