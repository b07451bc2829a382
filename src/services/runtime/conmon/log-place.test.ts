import assert from "node:assert/strict";
import { chmod, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { tempDir } from "../../../testing/temp-dir.ts";
import { TaskBench, tracesOf } from "../testing/task-bench.ts";

for (const handler of ["crun", "runc"]) {
  test(`a link that takes the place of a log just before conmon opens it is not written through, with ${handler}`, async () => {
    await using root = await tempDir();
    const [conmonPath, target, place] = ["conmon", "target", "place"].map((name) => join(root.path, name));
    assert(conmonPath !== undefined && target !== undefined && place !== undefined);
    const script = `#!/bin/sh
      ln -s ${target} "$(cat ${place})"
      exec /usr/bin/conmon "$@"`;
    await writeFile(conmonPath, script);
    await chmod(conmonPath, 0o755);
    await writeFile(target, "untouched");
    await using bench = await TaskBench.open({ conmonPath });
    const spec = await bench.spec(handler, "echo written");
    assert(spec.io.kind === "console");
    await writeFile(place, spec.io.logPath ?? "");
    await assert.rejects(bench.create(spec), { code: "FailedPrecondition", message: /symbolic link/ });
    assert.equal(await readFile(target, "utf8"), "untouched");
    assert.deepEqual(await tracesOf(spec.id), []);
  });
}
