import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { smallDisk } from "../../../testing/small-disk.ts";
import { ClientSockets } from "./client-sockets.ts";

test("a terminal's output to a file is lost only while the file's disk is full", async () => {
  await using disk = await smallDisk(1 << 20);
  const path = join(disk.path, "output");
  await using sockets = await ClientSockets.open({
    stdin: undefined,
    output: { kind: "file", path },
    lookUp: (_path, work) => work(),
  });
  const write = (text: string) =>
    new Promise<void>((resolve, reject) => {
      sockets.stdout?.write(text, (error) => (error ? reject(error) : resolve()));
    });
  await write("before\n");
  await disk.fill();
  await write("x".repeat(10_000));
  await disk.free();
  await write("after\n");
  await sockets.finish(new AbortController().signal);
  assert.match(await readFile(path, "utf8"), /^before\nx{1,9999}after\n$/);
});
