import assert from "node:assert/strict";
import { test } from "node:test";
import { status } from "@grpc/grpc-js";
import { BerthError } from "../errors/index.ts";
import { statusOf } from "./status.ts";

test("a BerthError has its code's status and tells its causes", () => {
  const error = new BerthError("NotFound", "image a", { cause: new Error("no such blob") });
  assert.deepEqual(statusOf(error), { code: status.NOT_FOUND, details: "image a: no such blob" });
  const quoting = new BerthError("NotFound", "image a: no such blob", { cause: new Error("no such blob") });
  assert.equal(statusOf(quoting).details, "image a: no such blob");
  assert.equal(statusOf(new BerthError("Canceled", "x")).code, status.CANCELLED);
  assert.equal(statusOf(new BerthError("DeadlineExceeded", "x")).code, status.DEADLINE_EXCEEDED);
});

test("a system call that wants room, memory or descriptors is no fault of berth", () => {
  const failed = (code: string) => statusOf(Object.assign(new Error(`${code}: write`), { code })).code;
  for (const errno of ["ENOSPC", "EDQUOT", "ENOMEM", "EMFILE", "ENFILE", "EAGAIN"])
    assert.equal(failed(errno), status.RESOURCE_EXHAUSTED, errno);
  assert.equal(failed("EROFS"), status.FAILED_PRECONDITION);
  assert.equal(failed("EBADF"), status.INTERNAL);
});

test("anything else is INTERNAL", () => {
  assert.deepEqual(statusOf(new TypeError("x is undefined")), {
    code: status.INTERNAL,
    details: "x is undefined",
  });
  assert.deepEqual(statusOf("text"), { code: status.INTERNAL, details: "text" });
});

test("a message is cut to what a header carries, and can always be percent-encoded", () => {
  const { details } = statusOf(new Error(`${"x".repeat(2047)}😀 and more`));
  assert.ok(details.length < 2100);
  assert.doesNotThrow(() => encodeURI(details));
});
