import assert from "node:assert/strict";
import { test } from "node:test";
import { BerthError } from "../errors/index.ts";
import { statusOf } from "./status.ts";

test("a BerthError has its code's status and tells its causes", () => {
  const error = new BerthError("NotFound", "image a", { cause: new Error("no such blob") });
  assert.deepEqual(statusOf(error), {
    code: "NOT_FOUND",
    details: "image a: no such blob",
    trailers: {},
  });
  const quoting = new BerthError("NotFound", "image a: no such blob", { cause: new Error("no such blob") });
  assert.equal(statusOf(quoting).details, "image a: no such blob");
  assert.equal(statusOf(new BerthError("Canceled", "x")).code, "CANCELLED");
  assert.equal(statusOf(new BerthError("DeadlineExceeded", "x")).code, "DEADLINE_EXCEEDED");
});

test("a system call that wants room, memory or descriptors is no fault of berth", () => {
  const failed = (code: string) => statusOf(Object.assign(new Error(`${code}: write`), { code })).code;
  for (const errno of ["ENOSPC", "EDQUOT", "ENOMEM", "EMFILE", "ENFILE", "EAGAIN"])
    assert.equal(failed(errno), "RESOURCE_EXHAUSTED", errno);
  assert.equal(failed("EROFS"), "FAILED_PRECONDITION");
  assert.equal(failed("EBADF"), "INTERNAL");
});

test("anything else is INTERNAL", () => {
  assert.deepEqual(statusOf(new TypeError("x is undefined")), {
    code: "INTERNAL",
    details: "x is undefined",
    trailers: {},
  });
  assert.deepEqual(statusOf("text"), { code: "INTERNAL", details: "text", trailers: {} });
});

test("a message is cut to what a header carries, and can always be percent-encoded", () => {
  const { details } = statusOf(new Error(`${"x".repeat(2047)}😀 and more`));
  assert.ok(encodeURI(details).length < 6200);
  for (const letter of ["x", " ", "é", "語", "😀", "x語"]) {
    const message = letter.repeat(9000);
    const cut = statusOf(new Error(message)).details;
    assert.ok(message.startsWith(cut.replace(/\uFFFD?\.\.\.$/, "")));
    const encodedBytes = encodeURI(cut).length;
    assert.ok(encodedBytes > 5000 && encodedBytes < 6200, `${letter}: ${encodedBytes}`);
  }
});
