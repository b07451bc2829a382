import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { promisify } from "node:util";
import { until } from "../../../testing/until.ts";
import { connectInNamespace, NamespaceThread } from "../index.ts";
import { ownNamespaces, pinDirectory } from "../testing/pins.ts";

const run = promisify(execFile);
const all = { net: true, ipc: true, uts: true, sysctls: {} };

test("a connection into a namespace carries data both ways", async () => {
  await using directory = await pinDirectory();
  await using thread = new NamespaceThread();
  await thread.createPodNamespaces({ ...all, directory: directory.path });
  for (const [host, listen] of [
    ["127.0.0.1", "TCP-LISTEN:80"],
    ["::1", "TCP6-LISTEN:80"],
  ] as const) {
    const server = spawn("nsenter", [
      `--net=${directory.path}/net`,
      "socat",
      // It waits so long for an answer once its client has said all, not the usual half second.
      "-t30",
      `${listen},reuseaddr`,
      "EXEC:tr a-z A-Z",
    ]);
    const ended = once(server, "close");
    const address = { netnsPath: `${directory.path}/net`, host, port: 80 };
    const socket = await until(() => connectInNamespace(address).catch(() => undefined));
    socket.setEncoding("utf8").end("hello");
    assert.deepEqual(await socket.toArray(), ["HELLO"]);
    await ended;
  }
});

test("a connection that gets no answer ends with its caller", async () => {
  await using directory = await pinDirectory();
  await using thread = new NamespaceThread();
  await thread.createPodNamespaces({ ...all, directory: directory.path });
  await run("nsenter", [`--net=${directory.path}/net`, "iptables", "-A", "INPUT", "-j", "DROP"]);
  const caller = new AbortController();
  const connecting = connectInNamespace(
    { netnsPath: `${directory.path}/net`, host: "127.0.0.1", port: 80 },
    caller.signal,
  );
  setImmediate(() => caller.abort(new Error("the caller gave up")));
  await assert.rejects(connecting, /the caller gave up/);
});

test("the main thread is back in its own namespace, whether there was a connection or not", async () => {
  await using directory = await pinDirectory();
  await using thread = new NamespaceThread();
  await thread.createPodNamespaces({ ...all, directory: directory.path });
  const before = await ownNamespaces();
  const address = { netnsPath: `${directory.path}/net`, host: "127.0.0.1", port: 9 };
  await assert.rejects(connectInNamespace(address), { code: "Unavailable", errno: "ECONNREFUSED" });
  await assert.rejects(connectInNamespace({ ...address, netnsPath: `${directory.path}/gone` }), /ENOENT/);
  await assert.rejects(connectInNamespace({ ...address, netnsPath: "/dev/null" }), /setns.*EINVAL/);
  assert.deepEqual(await ownNamespaces(), before);
});
