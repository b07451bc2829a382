import assert from "node:assert/strict";
import { test } from "node:test";
import { repeatedBytes } from "./earlier-output.ts";

const cases: readonly [title: string, logged: string, streamed: string, repeated: number][] = [
  ["nothing was streamed yet", "welcome\n# ", "", 0],
  ["nothing was logged", "", "# ", 0],
  ["what was streamed came later", "welcome\n", "# ", 0],
  ["what was streamed is the end of the log", "welcome\n# ", "# ", 2],
  ["the log went on after what was streamed", "one\ntwo\nthree\n", "two\n", 10],
  ["the stream went on after the log's end", "one\ntwo\n", "two\nthree\n", 4],
  ["the same was written twice", "# \n# \n# ", "# ", 2],
];

for (const [title, logged, streamed, repeated] of cases) {
  test(`a stream and a log have ${repeated} bytes in common if ${title}`, () => {
    assert.equal(repeatedBytes(Buffer.from(logged), Buffer.from(streamed)), repeated);
  });
}
