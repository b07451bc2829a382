import assert from "node:assert/strict";
import { test } from "node:test";
import { LinuxError } from "../../../ground/linux/index.ts";
import { asNetworkError } from "./plugin-failure.ts";

test("a built-in plugin that has no descriptor left fails for want of one, any other for itself", () => {
  const failed = (errno: string) =>
    asNetworkError(new LinuxError("socket", errno, "netlink"), "bridge", "DEL");
  assert.deepEqual(
    ["EMFILE", "ENOMEM", "ENOENT", "EPERM"].map((errno) => failed(errno).code),
    ["ResourceExhausted", "ResourceExhausted", "Internal", "Internal"],
  );
  assert.match(failed("EMFILE").message, /plugin bridge failed at DEL: socket netlink: EMFILE/);
});
