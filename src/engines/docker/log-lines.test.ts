import assert from "node:assert/strict";
import { test } from "node:test";
import { linesOfFrames, linesOfTerminal } from "./log-lines.ts";

const time = "2026-01-01T00:00:00.000000000Z";

async function* inPieces(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

function frame(stream: number, text: string): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt8(stream);
  header.writeUInt32BE(Buffer.byteLength(text), 4);
  return Buffer.concat([header, Buffer.from(text)]);
}

async function texts(lines: AsyncIterable<readonly Buffer[]>): Promise<readonly string[]> {
  return (await Array.fromAsync(lines)).flat().map(String);
}

for (const size of [1, 7, 65_536]) {
  test(`framed messages become CRI lines, read in pieces of ${size}`, async () => {
    const bytes = Buffer.concat([
      frame(1, `${time} to stdout\n`),
      frame(2, `${time} to stderr\n`),
      frame(1, `${time} a part`),
      frame(1, `${time}  and the rest\n`),
    ]);
    assert.deepEqual(await texts(linesOfFrames(inPieces(bytes, size))), [
      `${time} stdout F to stdout\n`,
      `${time} stderr F to stderr\n`,
      `${time} stdout P a part\n`,
      `${time} stdout F  and the rest\n`,
    ]);
  });

  // Docker Engine 20.10.24 puts a time before each piece of 16 KiB (findings/docker-engine-streams.sh).
  test(`a terminal's long lines are split where Docker inserts a time, read in pieces of ${size}`, async () => {
    const piece = "x".repeat(16 * 1024);
    const bytes = Buffer.from(`${time} short\r\n${time} ${piece}${time} ${piece}${time} end\r\n`);
    assert.deepEqual(await texts(linesOfTerminal(inPieces(bytes, size))), [
      `${time} stdout F short\r\n`,
      `${time} stdout P ${piece}\n`,
      `${time} stdout P ${piece}\n`,
      `${time} stdout F end\r\n`,
    ]);
  });

  // Docker writes each byte that is not UTF-8 as U+FFFD, also those of a character that is cut in two.
  test(`a terminal's long lines are split also where Docker has made them longer, read in pieces of ${size}`, async () => {
    const cut = `${"x".repeat(16 * 1024 - 1)}\uFFFD`;
    const binary = "\uFFFD".repeat(16 * 1024);
    const dated = `${"x".repeat(16 * 1024 - 31)}${time} `;
    const bytes = Buffer.from(
      `${time} ${cut}${time} \uFFFD\uFFFDend\r\n${time} ${binary}${time} ${dated}${time} \uFFFDlast`,
    );
    assert.deepEqual(await texts(linesOfTerminal(inPieces(bytes, size))), [
      `${time} stdout P ${cut}\n`,
      `${time} stdout F \uFFFD\uFFFDend\r\n`,
      `${time} stdout P ${binary}\n`,
      `${time} stdout P ${dated}\n`,
      `${time} stdout P \uFFFDlast\n`,
    ]);
  });
}

// The driver local of Docker Engine 20.10.24 has them if dockerd's time zone is not UTC
// (findings/docker-local-log-times.sh).
test("times of another zone become UTC", async () => {
  const [early, late] = ["2026-01-01T00:30:00.000000001+01:00", "2025-12-31T20:30:00.123456789-03:30"];
  const lines = [
    "2025-12-31T23:30:00.000000001Z stdout F one\n",
    "2026-01-01T00:00:00.123456789Z stdout F two words\n",
  ];
  const frames = Buffer.concat([frame(1, `${early} one\n`), frame(1, `${late} two words\n`)]);
  assert.deepEqual(await texts(linesOfFrames(inPieces(frames, 7))), lines);
  const piece = "x ".repeat(8 * 1024);
  const bytes = Buffer.from(`${early} one\n${late} two words\n${early} ${piece}${late} end\n`);
  assert.deepEqual(await texts(linesOfTerminal(inPieces(bytes, 7))), [
    ...lines,
    `2025-12-31T23:30:00.000000001Z stdout P ${piece}\n`,
    "2026-01-01T00:00:00.123456789Z stdout F end\n",
  ]);
});

test("what comes before an error of Docker's is kept, and the error has Docker's words", async () => {
  const words = "Error grabbing logs: invalid character 'l' after object key:value pair\n";
  for (const lines of [
    linesOfFrames(inPieces(Buffer.concat([frame(1, `${time} last\n`), frame(3, words)]), 65_536)),
    linesOfTerminal(inPieces(Buffer.from(`${time} last\n${words}`), 65_536)),
  ]) {
    const kept: string[] = [];
    await assert.rejects(
      async () => {
        for await (const together of lines) kept.push(...together.map(String));
      },
      { code: "DataLoss", message: /invalid character 'l'/ },
    );
    assert.deepEqual(kept, [`${time} stdout F last\n`]);
  }
});
