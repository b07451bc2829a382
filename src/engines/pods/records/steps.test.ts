import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { messageOf } from "../../../ground/errors/index.ts";
import { createLogger } from "../../../ground/logging/index.ts";
import { runSteps, type Step, UndoError, undoSteps } from "./steps.ts";

const logger = createLogger({ level: "silent", format: "json" });
const observer = () => undefined;

/** A step that writes into `seen` what happens to it. */
function step(name: string, fails: { run?: boolean; undo?: boolean } = {}): Step<string[]> {
  const act = (what: string, failing: boolean | undefined) => async (seen: string[]) => {
    seen.push(`${what} ${name}`);
    if (failing === true) throw new Error(`${what} ${name} failed`);
  };
  return { name, run: act("run", fails.run), undo: act("undo", fails.undo) };
}

describe("steps", () => {
  it("run in order", async () => {
    const seen: string[] = [];
    await runSteps([step("a"), step("b")], seen, { observer, logger });
    assert.deepEqual(seen, ["run a", "run b"]);
  });

  it("are undone in reverse from the one that failed, whose error is thrown", async () => {
    const seen: string[] = [];
    const steps = [step("a"), step("b", { run: true }), step("c")];
    await assert.rejects(runSteps(steps, seen, { observer, logger }), /run b failed/);
    assert.deepEqual(seen, ["run a", "run b", "undo b", "undo a"]);
  });

  it("run together where they say so, and are undone when all of these have ended", async () => {
    const seen: string[] = [];
    const slow: Step<string[]> = {
      ...step("slow"),
      run: async () => {
        seen.push("run slow");
        await turn();
        seen.push("end slow");
      },
    };
    const failing: Step<string[]> = { ...step("failing", { run: true }), withPrevious: true };
    const steps = [step("first"), slow, failing, step("last")];
    await assert.rejects(runSteps(steps, seen, { observer, logger }), /run failing failed/);
    const undone = ["undo failing", "undo slow", "undo first"];
    assert.deepEqual(seen, ["run first", "run slow", "run failing", "end slow", ...undone]);
  });

  it("are undone no further than to one whose undo fails, as it may need those before it", async () => {
    const seen: string[] = [];
    const steps = [step("a"), step("b", { undo: true }), step("c", { run: true })];
    const error = await runSteps(steps, seen, { observer, logger }).catch((each: unknown) => each);
    assert.ok(error instanceof UndoError);
    const once = "run c failed; teardown failed at b; removing it will retry: undo b failed";
    assert.equal(messageOf(error), once);
    assert.deepEqual(seen, ["run a", "run b", "run c", "undo c", "undo b"]);
  });

  it("can be cut at their names, also while they are undone", async () => {
    const seen: string[] = [];
    const cut = (at: string) => (name: string) => {
      if (name === at) throw new Error("cut");
    };
    const steps = [step("a"), step("b")];
    await assert.rejects(runSteps(steps, seen, { observer: cut("b"), logger }), /cut/);
    assert.deepEqual(seen.splice(0), ["run a", "undo b", "undo a"]);
    await assert.rejects(undoSteps(steps, seen, cut("undo a")), /cut/);
    assert.deepEqual(seen, ["undo b"]);
  });
});
