import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseQuantity } from "./quantity.ts";

describe("a quantity", () => {
  it("is a number with a decimal or binary suffix", () => {
    assert.equal(parseQuantity("x", "10M"), 10_000_000);
    assert.equal(parseQuantity("x", "512Ki"), 524_288);
    assert.equal(parseQuantity("x", "1.5k"), 1500);
  });

  it("of another form is refused by its name", () => {
    for (const text of ["", "M", "-5", "10X", "1e400Q"]) {
      assert.throws(() => parseQuantity("bandwidth", text), {
        code: "InvalidArgument",
        message: /^bandwidth: /,
      });
    }
  });
});
