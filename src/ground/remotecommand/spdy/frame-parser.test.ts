import assert from "node:assert/strict";
import { test } from "node:test";
import { seededRandom } from "../../../testing/seeded-random.ts";
import { SpdyError } from "./errors.ts";
import { FrameParser } from "./frame-parser.ts";
import { dataFrameHead, FrameWriter } from "./frame-writer.ts";
import { type ControlFrame, defaultLimits, type Frame } from "./frames.ts";

const everyKind: readonly ControlFrame[] = [
  {
    kind: "settings",
    settings: [
      { id: 4, value: 100 },
      { id: 7, value: 262_144 },
    ],
  },
  {
    kind: "synStream",
    streamId: 1,
    headers: new Map([["streamtype", "error"]]),
    fin: false,
    unidirectional: false,
  },
  { kind: "synStream", streamId: 3, headers: new Map(), fin: true, unidirectional: true },
  { kind: "synReply", streamId: 1, headers: new Map(), fin: false },
  {
    kind: "headers",
    streamId: 1,
    headers: new Map([
      ["a", "b"],
      ["c", ""],
    ]),
    fin: true,
  },
  { kind: "rstStream", streamId: 5, status: 3 },
  { kind: "ping", id: 0xffff_ffff },
  { kind: "windowUpdate", streamId: 0, delta: 0x7fff_ffff },
  { kind: "goAway", lastStreamId: 9, status: 1 },
];

/** The bytes of a conversation with every kind of frame. */
function conversation(): Buffer {
  const writer = new FrameWriter();
  const data = Buffer.concat([
    dataFrameHead(1, 11, false),
    Buffer.from("hello world"),
    dataFrameHead(1, 0, true),
  ]);
  return Buffer.concat([...everyKind.map((frame) => writer.control(frame)), data]);
}

test("every frame is parsed as it was encoded", () => {
  const frames = [...new FrameParser(defaultLimits).push(conversation())];
  assert.deepEqual(frames.slice(0, everyKind.length), everyKind);
  assert.deepEqual(joinData(frames), [{ streamId: 1, data: "hello world", fin: true }]);
});

test("frames are parsed from chunks of any length", () => {
  const bytes = conversation();
  const parser = new FrameParser(defaultLimits);
  const frames = Array.from(bytes, (byte) => [...parser.push(Buffer.from([byte]))]).flat();
  assert.deepEqual(
    frames.filter((frame) => frame.kind !== "data"),
    everyKind,
  );
  assert.deepEqual(joinData(frames), [{ streamId: 1, data: "hello world", fin: true }]);
});

test("a data frame of 16 MiB is passed on in pieces as they arrive", () => {
  const parser = new FrameParser(defaultLimits);
  assert.deepEqual([...parser.push(dataFrameHead(1, 0xff_ffff, true))], []);
  const [piece] = [...parser.push(Buffer.alloc(1000))];
  assert.ok(piece?.kind === "data" && piece.data.length === 1000 && !piece.fin);
});

test("unknown types of control frames are skipped", () => {
  const credential = Buffer.from("8003000a00000004deadbeef", "hex");
  const ping = new FrameWriter().control({ kind: "ping", id: 2 });
  assert.deepEqual(
    [...new FrameParser(defaultLimits).push(Buffer.concat([credential, ping]))],
    [{ kind: "ping", id: 2 }],
  );
});

// A longer run by hand: SPDY_FUZZ_ROUNDS=1000000 SPDY_FUZZ_SEED=7 node --test
// src/ground/remotecommand/spdy/frame-parser.test.ts
test("damaged and random input results only in frames within the limits, or in a SpdyError", () => {
  const rounds = Number(process.env.SPDY_FUZZ_ROUNDS ?? 3_000);
  const random = seededRandom(Number(process.env.SPDY_FUZZ_SEED ?? 1));
  const valid = conversation();
  for (let round = 0; round < rounds; round++) {
    const input = random() < 0.7 ? mangle(valid, random) : randomFrames(random);
    const parser = new FrameParser(defaultLimits);
    try {
      for (let at = 0; at < input.length; ) {
        const length = 1 + Math.floor(random() * 40);
        for (const frame of parser.push(input.subarray(at, at + length))) checkFrame(frame);
        at += length;
      }
    } catch (error) {
      assert.ok(error instanceof SpdyError, `round ${round}: ${String(error)}`);
    }
  }
});

function checkFrame(frame: Frame): void {
  if ("headers" in frame) assert.ok(frame.headers.size <= defaultLimits.maxHeaders);
  if ("streamId" in frame) assert.ok(frame.streamId >= 0 && frame.streamId <= 0x7fff_ffff);
}

function mangle(valid: Buffer, random: () => number): Buffer {
  const bytes = Buffer.from(valid);
  for (let n = 1 + Math.floor(random() * 5); n > 0; n--) {
    bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256);
  }
  return bytes.subarray(0, 1 + Math.floor(random() * bytes.length));
}

/** Frames with plausible headers and random bodies. */
function randomFrames(random: () => number): Buffer {
  const frames = Array.from({ length: 4 }, () => {
    const body = Buffer.from(
      Array.from({ length: Math.floor(random() * 64) }, () => Math.floor(random() * 256)),
    );
    const head = Buffer.alloc(8);
    head.writeUInt32BE(
      random() < 0.8 ? 0x8003_0000 + Math.floor(random() * 12) : Math.floor(random() * 2 ** 32),
    );
    head.writeUInt32BE(
      Math.floor(random() * 4) * 2 ** 24 + (random() < 0.9 ? body.length : Math.floor(random() * 2 ** 24)),
      4,
    );
    return Buffer.concat([head, body]);
  });
  return Buffer.concat(frames);
}

function joinData(frames: readonly Frame[]): { streamId: number; data: string; fin: boolean }[] {
  const pieces = frames.filter((frame) => frame.kind === "data");
  const [first] = pieces;
  if (first === undefined) return [];
  const data = Buffer.concat(pieces.map((piece) => piece.data)).toString();
  return [{ streamId: first.streamId, data, fin: pieces.at(-1)?.fin ?? false }];
}
