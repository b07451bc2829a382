/**
 * Runs the whole of critest, the suite by which container runtimes show that a kubelet can work with them.
 */
import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { type SpecResult, withCritest } from "../support/critest.ts";
import { testHandler } from "../support/handler.ts";
import { PassedSpecs } from "../support/passed-specs.ts";

/** Specs that cannot pass, by name, each with its reason. */
const exceptions: Readonly<Record<string, string>> = {
  "Image Manager: public image with digest should be pulled and removed [Conformance]":
    "wants the bytes of one public image, which a stand-in cannot have",
};

/** What critest says when it skips a spec for something that the machine lacks. */
const kernelLacks = /AppArmor is disabled|SELinux is not enabled/;

describe(`critest with ${testHandler}`, () => {
  const critest = withCritest();

  it("passes every spec that can pass here", async (t) => {
    const results = await critest.run();
    const passed = await PassedSpecs.of(testHandler);
    for (const [group, specs] of Map.groupBy(results, (spec) => spec.group)) {
      await t.test(group, async (inGroup) => {
        for (const spec of specs) await judge(inGroup, spec, passed.includes(spec));
      });
    }
    await t.test(
      "has each spec that passed before, and each that passes now in the list of those",
      async () => {
        assert.deepEqual(passed.missingFrom(results), []);
        await passed.update(results);
      },
    );
  });

  it("passes every spec of the group Streaming over WebSocket", async (t) => {
    const flags = ["-websocket-exec", "-websocket-attach", "-websocket-portforward"];
    const results = await critest.run({ focus: "Streaming", flags });
    assert.equal(results.length, 5);
    for (const spec of results) await judge(t, spec, true);
  });
});

async function judge(t: TestContext, { key, name, state, message }: SpecResult, passedBefore: boolean) {
  const exception = exceptions[key];
  const lacking = state === "skipped" && !passedBefore && kernelLacks.test(message) ? message : undefined;
  const skip = state === "passed" ? undefined : (exception ?? lacking);
  if (skip !== undefined) return t.test(name, { skip });
  return t.test(name, () => {
    assert.equal(state, "passed", `${state}: ${message}`);
    assert.equal(exception, undefined, "it passes now: take it off the list of exceptions");
  });
}
