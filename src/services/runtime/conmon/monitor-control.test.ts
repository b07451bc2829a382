import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { describe, it } from "node:test";
import { promisify } from "node:util";
import { unreadBytes } from "../../../ground/linux/index.ts";
import { tempDir } from "../../../testing/temp-dir.ts";
import { until } from "../../../testing/until.ts";
import { MonitorControl } from "./monitor-control.ts";

describe("the FIFO on which conmon takes commands", () => {
  it("fails at once when conmon is not there", async () => {
    await using dir = await tempDir();
    const path = `${dir.path}/ctl`;
    await promisify(execFile)("mkfifo", [path]);
    await assert.rejects(new MonitorControl(path).reopenLog(), {
      code: "FailedPrecondition",
      message: /reopen log: conmon does not listen on/,
    });
  });

  it("fails when conmon ends before it has read the command", async () => {
    await using dir = await tempDir();
    const path = `${dir.path}/ctl`;
    await promisify(execFile)("mkfifo", [path]);
    const conmon = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const sent = new MonitorControl(path).resize({ width: 80, height: 24 });
    const failed = assert.rejects(sent, { code: "FailedPrecondition" });
    await until(() => unreadBytes(conmon.fd) > 0);
    await conmon.close();
    await failed;
  });
});
