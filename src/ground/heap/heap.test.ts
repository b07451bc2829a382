import assert from "node:assert/strict";
import { test } from "node:test";
import { collectGarbage } from "./index.ts";

for (const what of ["young", "all", "shrink"] as const)
  test(`what nobody holds is free after a collection of ${what}`, async () => {
    const reference = new WeakRef(Buffer.alloc(1000));
    // What a reference was made for stays until the turn is over.
    await new Promise(setImmediate);
    collectGarbage(what);
    assert.equal(reference.deref(), undefined);
  });
