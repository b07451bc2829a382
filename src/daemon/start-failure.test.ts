import assert, { AssertionError } from "node:assert/strict";
import { openSync } from "node:fs";
import { test } from "node:test";
import { BerthError } from "../ground/errors/index.ts";
import { LinuxError } from "../ground/linux/index.ts";
import { startFailure } from "./start-failure.ts";

function failed(code: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: failed, open '/x'`), {
    code,
    errno: -1,
    syscall: "open",
    path: "/x",
  });
}

test("a failed system call is reported without a stack, with what to do", () => {
  assert.equal(
    startFailure(failed("EMFILE")),
    "EMFILE: failed, open '/x'; raise the daemon's limit of open files (LimitNOFILE= of its unit, ulimit -n)",
  );
  assert.match(startFailure(failed("EIO")), /; check the kernel's messages about the disk \(dmesg\)$/);
  const ofThread = new Error("Worker initialization failure: EMFILE");
  assert.match(startFailure(ofThread), /^Worker initialization failure: EMFILE; raise /);
  const ofDatabase = new BerthError("Internal", "opening /x: EIO: i/o error, open '/x'");
  assert.match(startFailure(ofDatabase), /; check the kernel's messages/);
  const wrapped = new BerthError("Internal", "lock /x", { cause: new LinuxError("open", "EMFILE", "/x") });
  assert.match(startFailure(wrapped), /^lock \/x: open \/x: EMFILE; raise /);
});

test("a failed system call without a remedy, and one whose error has its own, are reported as they are", () => {
  const missing = () => openSync("/nowhere/at/all", "r");
  assert.throws(missing, (error) => startFailure(error) === (error as Error).message);
  const error = new BerthError("PermissionDenied", "cannot create /x: run it as root; really", {
    cause: failed("EACCES"),
  });
  assert.equal(startFailure(error), `cannot create /x: run it as root; really: ${failed("EACCES").message}`);
});

test("what root is not allowed has another remedy than what others are not", () => {
  assert.match(startFailure(failed("EACCES"), 1000), /; run berthd as root$/);
  for (const code of ["EACCES", "EPERM"])
    assert.match(
      startFailure(failed(code), 0),
      /; root may not do this there: look for attributes of the file/,
    );
});

test("a semicolon in a path is not taken for a remedy", () => {
  const error = Object.assign(failed("ENOSPC"), { message: "ENOSPC: no space left, mkdir '/a; b'" });
  assert.equal(startFailure(error), `${error.message}; free some space there`);
});

test("a fault of berth is reported with its stack", () => {
  for (const error of [
    new TypeError("x is undefined"),
    new TypeError("EIO is not a function"),
    new AssertionError({ message: "what came: EPERM" }),
  ])
    assert.equal(startFailure(error), error.stack);
  assert.equal(startFailure("text"), "text");
});

test("an error in closing what was opened does not hide why the start failed", () => {
  const start = new BerthError("FailedPrecondition", "the first");
  const inner = new SuppressedError(failed("EMFILE"), start);
  assert.equal(startFailure(new SuppressedError(failed("EMFILE"), inner)), "the first");
});
