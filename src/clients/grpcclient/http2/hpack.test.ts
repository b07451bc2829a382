import assert from "node:assert/strict";
import { test } from "node:test";
import { Http2ProtocolError } from "./frames.ts";
import { encodedHeaders, HeaderDecoder } from "./hpack.ts";

const hex = (text: string) => Buffer.from(text.replaceAll(" ", ""), "hex");

test("headers are read as RFC 7541 has them in its examples, one block after the other", () => {
  const decoder = new HeaderDecoder();
  const date = "Mon, 21 Oct 2013 20:13:21 GMT";
  // C.6.1 to C.6.3, for a table of 256 bytes, which drops an entry for each that comes.
  assert.deepEqual(
    decoder.decode(
      hex(
        "3fe101 488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97c8e9ae82ae43d3",
      ),
    ),
    [
      [":status", "302"],
      ["cache-control", "private"],
      ["date", date],
      ["location", "https://www.example.com"],
    ],
  );
  assert.deepEqual(decoder.decode(hex("4883640effc1c0bf")), [
    [":status", "307"],
    ["cache-control", "private"],
    ["date", date],
    ["location", "https://www.example.com"],
  ]);
  assert.deepEqual(
    decoder.decode(
      hex(
        "88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7b335dfdfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007",
      ),
    ),
    [
      [":status", "200"],
      ["cache-control", "private"],
      ["date", "Mon, 21 Oct 2013 20:13:22 GMT"],
      ["location", "https://www.example.com"],
      ["content-encoding", "gzip"],
      ["set-cookie", "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1"],
    ],
  );
});

test("what is sent is what is read, of any length", () => {
  const headers = { ":path": "/a", "x-short": "", "x-long": "a".repeat(200), "x-longer": "b".repeat(20_000) };
  assert.deepEqual(new HeaderDecoder().decode(encodedHeaders(headers)), Object.entries(headers));
});

for (const [what, block] of [
  ["a number that nothing has", "ff8001"],
  ["a block that is cut off", "4005"],
  ["a table beyond what was allowed", "3fe17f"],
  ["text that is not coded as it should", "008161ff00"],
  ["the code of the end", "0001 61 84 ffffffff"],
  ["a number without end", "ffffffffffffffffffff"],
] as const) {
  test(`${what} is an error`, () => {
    assert.throws(() => new HeaderDecoder().decode(hex(block)), Http2ProtocolError);
  });
}
