import assert from "node:assert/strict";
import { test } from "node:test";
import { parseLogLine } from "./log-line.ts";

const time = "2026-03-01T08:00:00.123456789+02:00";

test("a full line has its time, its stream and its text", () => {
  const line = parseLogLine(Buffer.from(`${time} stderr F two words`));
  assert.deepEqual(line, {
    timestamp: time,
    stream: "stderr",
    partial: false,
    content: Buffer.from("two words"),
  });
});

test("a partial line is told apart from a full one", () => {
  assert.equal(parseLogLine(Buffer.from(`${time} stdout P part`))?.partial, true);
});

test("further tags are for later versions of the format and are ignored", () => {
  const line = parseLogLine(Buffer.from(`${time} stdout F:new text`));
  assert.equal(line?.content.toString(), "text");
});

test("an empty line of the container is empty content", () => {
  assert.equal(parseLogLine(Buffer.from(`${time} stdout F `))?.content.length, 0);
  assert.equal(parseLogLine(Buffer.from(`${time} stdout F`))?.content.length, 0);
});

test("bytes that are not text stay unchanged", () => {
  const bytes = Buffer.from([0xff, 0x00, 0xfe]);
  assert.deepEqual(parseLogLine(Buffer.concat([Buffer.from(`${time} stdout F `), bytes]))?.content, bytes);
});

for (const text of ["", "no log line", `${time} stdin F x`, `${time} stdout X x`, `${time} stdout`]) {
  test(`${JSON.stringify(text)} is not a log line`, () => {
    assert.equal(parseLogLine(Buffer.from(text)), undefined);
  });
}
