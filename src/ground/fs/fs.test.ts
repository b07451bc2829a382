import assert from "node:assert/strict";
import { lstat } from "node:fs/promises";
import { test } from "node:test";
import { exists, ignoreMissing, isErrno } from "./index.ts";

test("what is there exists, and what is not does not", async () => {
  assert.equal(await exists("/proc/self"), true);
  assert.equal(await exists("/proc/nosuch"), false);
});

test("an errno is recognized in Node's errors and in LinuxErrors", async () => {
  const node = await lstat("/proc/nosuch").catch((error: unknown) => error);
  assert.equal(isErrno(node, "ENOTDIR", "ENOENT"), true);
  assert.equal(isErrno(node, "EACCES"), false);
  assert.equal(isErrno(Object.assign(new Error(), { code: "Aborted", errno: "ELOOP" }), "ELOOP"), true);
  assert.equal(isErrno({ code: "ENOENT" }, "ENOENT"), false, "no error");
});

test("only what is missing is ignored", async () => {
  assert.equal(await lstat("/proc/nosuch").catch(ignoreMissing), undefined);
  await assert.rejects(lstat("/proc/self/status/below").catch(ignoreMissing), { code: "ENOTDIR" });
});
