import assert from "node:assert/strict";
import { test } from "node:test";
import { binaryQuantity, quantityValue } from "./quantity.ts";

test("a quantity is a number with a decimal or binary unit, or an exponent", () => {
  assert.equal(quantityValue("500m"), 0.5);
  assert.equal(quantityValue("1.5k"), 1500);
  assert.equal(quantityValue("10M"), 10_000_000);
  assert.equal(quantityValue("512Ki"), 524_288);
  assert.equal(quantityValue("1e3"), 1000);
  assert.equal(quantityValue("-5"), -5);
});

test("text in another form is not a quantity", () => {
  for (const text of ["", "M", "10X", "1 Ki", "1e400Q", "1e4000"])
    assert.equal(quantityValue(text), undefined);
});

test("bytes are written with the largest binary unit that leaves no fraction", () => {
  assert.equal(binaryQuantity(100 * 2 ** 20), "100Mi");
  assert.equal(binaryQuantity(1025), "1025");
  assert.equal(binaryQuantity(0), "0");
});
