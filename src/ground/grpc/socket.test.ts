import assert from "node:assert/strict";
import { once } from "node:events";
import { lstat, rename, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { tempDir } from "../../testing/temp-dir.ts";
import { claimSocketPath } from "./socket.ts";

async function listen(path: string): Promise<Server> {
  const server = createServer((socket) => socket.destroy());
  server.listen(path);
  await once(server, "listening");
  return server;
}

test("a path where nothing is needs only its directory", async () => {
  await using dir = await tempDir();
  await claimSocketPath(join(dir.path, "run/berth/berth.sock"));
  assert.ok((await lstat(join(dir.path, "run/berth"))).isDirectory());
});

test("a socket that nobody answers on is removed", async () => {
  await using dir = await tempDir();
  const path = join(dir.path, "berth.sock");
  const server = await listen(join(dir.path, "old.sock"));
  // A socket's file goes with its server, unless it is elsewhere.
  await rename(join(dir.path, "old.sock"), path);
  server.close();
  await once(server, "close");
  assert.ok((await lstat(path)).isSocket());
  await claimSocketPath(path);
  await assert.rejects(lstat(path), { code: "ENOENT" });
});

test("a socket that a process answers on is left alone", async () => {
  await using dir = await tempDir();
  const path = join(dir.path, "berth.sock");
  const server = await listen(path);
  await assert.rejects(claimSocketPath(path), {
    name: "GrpcError",
    code: "FailedPrecondition",
    message: /another process is listening on it/,
  });
  assert.ok((await lstat(path)).isSocket());
  server.close();
  await once(server, "close");
});

test("a path that is something else, too long or relative is refused", async () => {
  await using dir = await tempDir();
  const file = join(dir.path, "berth.sock");
  await writeFile(file, "keep me");
  await assert.rejects(claimSocketPath(file), {
    code: "FailedPrecondition",
    message: /the path is not a socket/,
  });
  assert.ok((await lstat(file)).isFile());
  await assert.rejects(claimSocketPath(join(file, "below", "berth.sock")), { code: "ENOTDIR" });
  await assert.rejects(claimSocketPath(`/${"x".repeat(107)}`), {
    code: "InvalidArgument",
    message: /longer than 107 bytes/,
  });
  await assert.rejects(claimSocketPath("berth.sock"), {
    code: "InvalidArgument",
    message: /must be absolute/,
  });
});
