import assert from "node:assert/strict";
import { test } from "node:test";
import { runtimeFailure } from "./oci-runtime.ts";

test("a program that says that a disk is full, or no memory left, fails for want of room, any other for itself", () => {
  const full = runtimeFailure("create", "writing file `/run/x`: No space left on device");
  assert.deepEqual(
    [full.code, full.message],
    ["ResourceExhausted", "create: writing file `/run/x`: No space left on device"],
  );
  for (const words of ["fork: Resource temporarily unavailable", "mount `/x`: Cannot allocate memory"])
    assert.equal(runtimeFailure("create", words).code, "ResourceExhausted");
  assert.equal(runtimeFailure("create", "mount `/x`: Permission denied").code, "Internal");
});
