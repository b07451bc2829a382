import assert from "node:assert/strict";
import { chmod, mkdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { exists } from "../../../ground/fs/index.ts";
import { tempDir } from "../../../testing/temp-dir.ts";
import { TaskBench, tracesOf } from "../testing/task-bench.ts";

for (const target of ["another file", "nothing"]) {
  test(`a link to ${target} that takes the place of a log just before conmon opens it is not followed`, async () => {
    await using root = await tempDir();
    const [conmonPath, victim] = [join(root.path, "conmon"), join(root.path, "victim")];
    const logPath = join(root.path, "log");
    await writeFile(conmonPath, `#!/bin/sh\nln -sf ${victim} ${logPath}\nexec /usr/bin/conmon "$@"`);
    await chmod(conmonPath, 0o755);
    if (target === "another file") await writeFile(victim, "untouched");
    await using bench = await TaskBench.open({ conmonPath });
    const spec = await bench.spec("crun", "echo written");
    const task = await bench.create({ ...spec, io: bench.console(spec.id, { logPath }) });
    await task.start();
    await task.wait();
    if (target === "another file") assert.equal(await readFile(victim, "utf8"), "untouched");
    else assert.equal(await exists(victim), false);
  });
}

test("a log is not written to what is no regular file, nor made through a link", async () => {
  await using bench = await TaskBench.open();
  const nothing = join(bench.directory, "nothing");
  const [linked, directory] = [join(bench.directory, "linked"), join(bench.directory, "directory")];
  await symlink(nothing, linked);
  await mkdir(directory);
  for (const logPath of [linked, directory]) {
    const spec = await bench.spec("crun", "echo written");
    await assert.rejects(bench.create({ ...spec, io: bench.console(spec.id, { logPath }) }), {
      code: "FailedPrecondition",
      message: /refusing to write to/,
    });
    assert.deepEqual(await tracesOf(spec.id), []);
  }
  assert.equal(await exists(nothing), false);
});

test("a log that a creation has made which failed is removed, and one in which something stands is kept", async () => {
  await using bench = await TaskBench.open();
  for (const text of ["", "of the time before"]) {
    const spec = await bench.spec("crun", "", (made) => ({
      ...made,
      process: { ...made.process, args: ["/no-such-program"] },
    }));
    const logPath = join(bench.directory, `log${text.length}`);
    if (text !== "") await writeFile(logPath, text);
    await assert.rejects(bench.create({ ...spec, io: bench.console(spec.id, { logPath }) }));
    assert.equal(await exists(logPath), text !== "");
  }
});

test("a log can be read by its owner and group alone", async () => {
  await using bench = await TaskBench.open();
  const task = await bench.run("crun", "exit 0");
  assert.equal((await stat(bench.logPath(task))).mode & 0o777, 0o640);
});
