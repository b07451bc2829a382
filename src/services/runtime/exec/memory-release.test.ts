import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { MemoryRelease } from "./memory-release.ts";

const largeBytes = 16 * 1024 * 1024;

for (const waitMs of [9_900, 20_000, 40_900]) {
  test(`an answer that is under way when memory is given back for one ${waitMs} ms before is given back too`, async (t) => {
    t.mock.timers.enable({ apis: ["setTimeout"] });
    using memory = new MemoryRelease();
    memory.add(largeBytes);
    await pass(waitMs);
    const answers = [{}];
    const answer = new WeakRef(answers[0] as object);
    memory.add(largeBytes);
    await pass(5000);
    answers.pop();
    await pass(40_000);
    assert.equal(answer.deref(), undefined);

    async function pass(ms: number): Promise<void> {
      for (let passed = 0; passed < ms; passed += 100) t.mock.timers.tick(100);
      await nextTurn();
    }
  });
}
