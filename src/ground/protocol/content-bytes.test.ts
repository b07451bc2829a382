import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { ContentService } from "./content-bytes.ts";
import {
  ReadContentResponse,
  WriteAction,
  WriteContentRequest,
} from "./generated/containerd/services/content/v1/content.ts";

for (const length of [0, 1, 127, 128, 70_000]) {
  const data = randomBytes(length);

  test(`a piece of ${length} bytes that is read is coded as the protocol says`, () => {
    for (const offset of [0n, 1n, 2n ** 40n]) {
      const message: ReadContentResponse = { offset, data };
      const coded = ContentService.read.responseSerialize(message);
      const bytes = Buffer.alloc(coded.byteLength);
      // As the server takes it.
      assert.equal(coded.copy(bytes, 0), coded.byteLength);
      assert.ok(bytes.equals(ReadContentResponse.encode(message).finish()));
    }
  });

  test(`a piece of ${length} bytes that is written is decoded, with what stands around it`, () => {
    const message: WriteContentRequest = {
      ...{ action: WriteAction.COMMIT, ref: "ref", total: 5n, expected: "sha256:", offset: 7n, data },
      labels: { a: "1", b: "2" },
    };
    const bytes = Buffer.from(WriteContentRequest.encode(message).finish());
    assert.deepEqual(ContentService.write.requestDeserialize(bytes), message);
  });
}

test("a message that is cut short is refused", () => {
  const whole = WriteContentRequest.fromPartial({ ref: "ref", data: randomBytes(100) });
  const bytes = Buffer.from(WriteContentRequest.encode(whole).finish());
  assert.throws(() => ContentService.write.requestDeserialize(bytes.subarray(0, 50)), RangeError);
});
