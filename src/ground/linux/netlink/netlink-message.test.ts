import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeMessages } from "./netlink-message.ts";

const NLMSG_DONE = 3;
const NLM_F_MULTI = 0x2;
const NLM_F_DUMP_INTR = 0x10;

/** struct nlmsghdr of a dump's last message, and its result. */
function done(flags: number): Buffer {
  const bytes = Buffer.alloc(20);
  bytes.writeUInt32LE(bytes.length, 0);
  bytes.writeUInt16LE(NLMSG_DONE, 4);
  bytes.writeUInt16LE(flags, 6);
  bytes.writeUInt32LE(7, 8);
  return bytes;
}

test("a dump may be interrupted before its last message, which has no object", () => {
  assert.deepEqual(
    [NLM_F_MULTI, NLM_F_MULTI | NLM_F_DUMP_INTR].flatMap((flags) => decodeMessages(done(flags))),
    [
      { sequence: 7, kind: "done", interrupted: false },
      { sequence: 7, kind: "done", interrupted: true },
    ],
  );
});
