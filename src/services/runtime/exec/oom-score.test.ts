import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { availableParallelism } from "node:os";
import { after, before, describe, test } from "node:test";
import { TaskBench } from "../testing/task-bench.ts";

const score = 321;

for (const handler of ["crun", "runc"]) {
  describe(`the oom_score_adj of commands with ${handler}`, () => {
    let bench: TaskBench;
    before(async () => {
      bench = await TaskBench.open();
    });
    after(() => bench[Symbol.asyncDispose]());

    for (const [where, ownPids] of [
      ["their own", true],
      ["the host's", false],
    ] as const) {
      test(`is the container's from their first instruction on, on a busy machine, in ${where} PID namespace`, async () => {
        const task = await bench.run(handler, "exec sleep 1000", (spec) => ({
          ...spec,
          process: { ...spec.process, oomScoreAdj: score },
          linux: {
            ...spec.linux,
            namespaces: spec.linux.namespaces.filter(({ type }) => ownPids || type !== "pid"),
          },
        }));
        const busy = Array.from({ length: 2 * availableParallelism() }, () =>
          spawn("/bin/sh", ["-c", "while :; do :; done"]),
        );
        try {
          const request = { args: ["cat", "/proc/self/oom_score_adj"], timeoutMs: 0 };
          const results = await Promise.all(Array.from({ length: 40 }, () => task.execSync(request)));
          const scores = results.map(({ stdout }) => Number(Buffer.from(stdout).toString()));
          assert.deepEqual(scores, Array(scores.length).fill(score));
        } finally {
          for (const each of busy) each.kill("SIGKILL");
        }
      });
    }
  });
}
