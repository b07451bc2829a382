import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createLogger } from "../logging/index.ts";
import { runSteps, type Step, UndoError, undoSteps } from "./steps.ts";

const logger = createLogger({ level: "silent", format: "json" });

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
    await runSteps([step("a"), step("b")], seen, () => undefined, logger);
    assert.deepEqual(seen, ["run a", "run b"]);
  });

  it("are undone in reverse from the one that failed, whose error is thrown", async () => {
    const seen: string[] = [];
    const steps = [step("a"), step("b", { run: true }), step("c")];
    await assert.rejects(
      runSteps(steps, seen, () => undefined, logger),
      /run b failed/,
    );
    assert.deepEqual(seen, ["run a", "run b", "undo b", "undo a"]);
  });

  it("are all undone even when one undo fails, and that is told", async () => {
    const seen: string[] = [];
    await assert.rejects(undoSteps([step("a"), step("b", { undo: true })], seen), UndoError);
    assert.deepEqual(seen, ["undo b", "undo a"]);
  });

  it("can be cut at their names", async () => {
    const seen: string[] = [];
    const cut = (name: string) => {
      if (name === "b") throw new Error("cut");
    };
    await assert.rejects(runSteps([step("a"), step("b")], seen, cut, logger), /cut/);
    assert.deepEqual(seen, ["run a", "undo b", "undo a"]);
  });
});
