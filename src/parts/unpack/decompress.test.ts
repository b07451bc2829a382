import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { describe, test } from "node:test";
import { gzipSync } from "node:zlib";
import { GzipInflater } from "../../ground/igzip/index.ts";
import { CompressedInput } from "./compressed-input.ts";
import { decompress } from "./decompress.ts";
import { pieces } from "./testing/apply.ts";

const content = Buffer.concat([randomBytes(300_000), Buffer.alloc(500_000, "text ")]);
const ways = { "by ISA-L": GzipInflater.open, "by zlib, where there is no ISA-L": () => undefined };

describe("zstd", () => {
  test("data that needs more memory than zstd itself uses is rejected, with a remedy (zstd#3444)", async () => {
    // A frame header with a window of 256 MiB, and an empty last block (RFC 8878, section 3.1.1).
    const frame = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, (28 - 10) << 3, 1, 0, 0]);
    const input = new CompressedInput(pieces(frame, 4), { size: frame.length }, undefined);
    const message = /more than 128 MiB.*--long=27/;
    await assert.rejects(
      decompress(input, () => {}),
      { code: "DataLoss", message },
    );
  });
});

for (const [way, openInflater] of Object.entries(ways)) {
  describe(`gzip is inflated ${way}`, () => {
    const inflate = async (stream: Buffer): Promise<Buffer> => {
      const input = new CompressedInput(pieces(stream, 10_007), { size: stream.length }, undefined);
      const found: Buffer[] = [];
      await decompress(input, (piece) => found.push(Buffer.from(piece)), openInflater);
      return Buffer.concat(found);
    };

    test("if it has one member, several, or padding of zeros", async () => {
      const one = gzipSync(content);
      assert.ok((await inflate(one)).equals(content));
      assert.ok((await inflate(Buffer.concat([one, one]))).equals(Buffer.concat([content, content])));
      assert.ok((await inflate(Buffer.concat([one, Buffer.alloc(50_000)]))).equals(content));
    });

    test("but not if it is truncated, or a byte of it or of its checksum has changed", async () => {
      const one = gzipSync(content);
      for (const length of [8, 20_000, one.length - 1])
        await assert.rejects(inflate(one.subarray(0, length)), { code: "DataLoss" });
      for (const at of [150_000, one.length - 8, one.length - 2]) {
        const damaged = Buffer.from(one);
        damaged[at] = (damaged[at] ?? 0) ^ 0x55;
        await assert.rejects(inflate(damaged), { code: "DataLoss" });
      }
    });
  });
}
