import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { chmod, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { oneHandler, TaskBench } from "../testing/task-bench.ts";

const run = promisify(execFile);

/** runc that cannot freeze the first time, as on a busy machine. */
const script = `#!/bin/sh
for word; do
  [ "$before" = --log ] && log=$word
  [ "$word" = pause ] && [ ! -e "$0-asked" ] && touch "$0-asked" && late=1
  before=$word
done
[ -z "$late" ] && exec runc "$@"
echo '{"level":"error","msg":"unable to freeze"}' >>"$log"
exit 1
`;

test("a container that runc cannot freeze at once is paused all the same", async () => {
  await using bench = await TaskBench.open({}, (directory) =>
    oneHandler("late", join(directory, "runc"), "runc"),
  );
  await writeFile(join(bench.directory, "runc"), script);
  await chmod(join(bench.directory, "runc"), 0o755);
  const task = await bench.create(await bench.spec("late", "exec sleep 1000"));
  await task.start();
  await task.pause();
  const { stdout } = await run("runc", ["--root", join(bench.directory, "runc-root"), "state", task.id]);
  assert.equal(JSON.parse(stdout).status, "paused");
  await task.resume();
});

for (const handler of ["crun", "runc"]) {
  test(`a container is not paused before its program runs, in the place of what ${handler} has forked`, async () => {
    await using bench = await TaskBench.open();
    const hooks = { startContainer: [{ path: "/bin/sleep", args: ["sleep", "1"] }] };
    const task = await bench.run(handler, "exec sleep 1000", (spec) => ({ ...spec, hooks }));
    await task.pause();
    const commandLine = await readFile(`/proc/${await task.livePid()}/cmdline`, "utf8");
    assert.match(commandLine, /^(\/bin\/sh|sleep)\0/);
    await task.resume();
  });
}
