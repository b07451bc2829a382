/** Runs critest's AppArmor specs, which it skips without AppArmor in the kernel: see scripts/test-vm.sh. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { withCritest } from "../support/critest.ts";

describe("critest", () => {
  const critest = withCritest();

  it("passes every spec of the group AppArmor", async (t) => {
    const results = await critest.run({ focus: "AppArmor" });
    assert.ok(results.length > 0);
    for (const { name, state, message } of results)
      await t.test(name, () => assert.equal(state, "passed", `${state}: ${message}`));
  });
});
