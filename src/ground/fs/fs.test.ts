import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { lstat, open } from "node:fs/promises";
import { test } from "node:test";
import { exists, ignoreGone, ignoreMissing, isErrno, readIfThere } from "./index.ts";

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

test("what tells of a process is undefined once that is gone, and an error where it cannot be looked at", async () => {
  assert.match((await readIfThere("/proc/self/stat")) ?? "", /^\d+ /);
  assert.equal(await readIfThere("/proc/nosuch/stat"), undefined);
  const child = spawn("sleep", ["60"]);
  await using stat = await open(`/proc/${child.pid}/stat`);
  child.kill("SIGKILL");
  await once(child, "exit");
  assert.equal(await stat.readFile("utf8").catch(ignoreGone), undefined, "ended while its file was open");
  await assert.rejects(readIfThere("/proc/self"), { code: "EISDIR" });
});
