import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { tempDir } from "../../../testing/temp-dir.ts";
import { until } from "../../../testing/until.ts";
import { LinuxError, sendDatagram } from "../index.ts";

test("a datagram reaches a unix socket whole", async () => {
  await using directory = await tempDir();
  const path = `${directory.path}/notify`;
  const receiver = spawn("socat", ["-u", `UNIX-RECVFROM:${path}`, "STDOUT"]);
  // Listened to from the start: Node throws away what a process wrote that ends before anybody reads it.
  const received = Promise.all([text(receiver.stdout), once(receiver, "close")]);
  await until(() => existsSync(path));
  await sendDatagram(path, "READY=1\nSTATUS=serving");
  assert.equal((await received)[0], "READY=1\nSTATUS=serving");
});

test("a socket that nobody has made is an error with its errno", async () => {
  await using directory = await tempDir();
  const isMissing = (error: unknown) => error instanceof LinuxError && error.errno === "ENOENT";
  await assert.rejects(sendDatagram(`${directory.path}/none`, "READY=1"), isMissing);
});
