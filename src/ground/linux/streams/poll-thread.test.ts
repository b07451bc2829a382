import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { tempDir } from "../../../testing/temp-dir.ts";
import { until } from "../../../testing/until.ts";
import { PollThread, readPackets } from "../index.ts";

/** A server of packets in another process: runs Python statements with the accepted connection `c`. */
async function packetServer(path: string, body: string) {
  const script = `import socket,sys
s=socket.socket(socket.AF_UNIX,socket.SOCK_SEQPACKET);s.bind(sys.argv[1]);s.listen()
print("ready",flush=True)
c,_=s.accept()
${body}`;
  const child = spawn("python3", ["-c", script, path], { stdio: ["ignore", "pipe", "inherit"] });
  const ended = once(child, "exit");
  await once(child.stdout, "data");
  return { stdout: child.stdout, ended };
}

describe("the poll thread", () => {
  test("makes a stream of a socket of packets, both ways and with their ends", async () => {
    await using directory = await tempDir();
    await using thread = new PollThread();
    const path = join(directory.path, "packets");
    const echo = "n=0\nwhile (b:=c.recv(65536)): c.send(b'<'+b+b'>')\nc.send(b'bye')";
    const server = await packetServer(path, echo);
    const socket = thread.connectPackets(path);
    const packets = readPackets(socket);
    for (const word of ["one", "two"]) {
      socket.write(word);
      assert.equal(String((await packets.next()).value), `<${word}>`);
    }
    socket.end();
    assert.equal(String((await packets.next()).value), "bye");
    assert.equal((await packets.next()).done, true);
    await server.ended;
  });

  test("lets whoever sends wait while nobody reads, and loses nothing", async () => {
    await using directory = await tempDir();
    await using thread = new PollThread();
    const path = join(directory.path, "packets");
    const flood =
      "import sys\nfor i in range(4000):\n  c.send(b'%08d'%i*1000)\n  print(i,flush=True)\nc.close()";
    const server = await packetServer(path, flood);
    let sent = 0;
    server.stdout.on("data", (chunk: Buffer) => {
      sent = Number(String(chunk).trim().split("\n").at(-1));
    });
    const socket = thread.connectPackets(path);
    await until(() => sent > 0);
    let last = -1;
    await until(async () => {
      last = sent;
      await delay(200);
      return sent === last;
    });
    assert.ok(sent < 3_000, `${sent} packets are on their way while nobody reads`);
    let count = 0;
    for await (const packet of readPackets(socket)) {
      assert.equal(packet.length, 8_000);
      assert.equal(packet.toString("latin1", 0, 8), String(count++).padStart(8, "0"));
    }
    assert.equal(count, 4_000);
  });

  test("closes its end when the stream is destroyed", async () => {
    await using directory = await tempDir();
    await using thread = new PollThread();
    const path = join(directory.path, "packets");
    const server = await packetServer(path, "assert c.recv(1)==b''");
    thread.connectPackets(path).destroy();
    assert.deepEqual(await server.ended, [0, null]);
  });

  test("takes a terminal from a console socket: what is typed, shown, its size and its hang-up", async () => {
    await using directory = await tempDir();
    await using thread = new PollThread();
    const path = join(directory.path, "console");
    await using consoleSocket = thread.consoleSocket(path);
    const script = `import socket,sys,os,signal
pid,m=os.forkpty()
if pid==0: os.execvp("sh",["sh","-c","stty -echo; echo ready; read line; stty size; echo got $line; sleep 1000"])
s=socket.socket(socket.AF_UNIX);s.connect(sys.argv[1]);socket.send_fds(s,[b"x"],[m]);os.close(m)
print(os.waitpid(pid,0)[1],flush=True)`;
    const child = spawn("python3", ["-c", script, path], { stdio: ["ignore", "pipe", "inherit"] });
    const status = text(child.stdout);
    const terminal = await consoleSocket.terminal;
    let shown = "";
    terminal.socket.on("data", (chunk: Buffer) => {
      shown += chunk;
    });
    await until(() => shown.includes("ready"));
    terminal.resize({ width: 132, height: 43 });
    terminal.socket.write("words\n");
    await until(() => shown.includes("got words"));
    assert.match(shown, /43 132/);
    terminal[Symbol.dispose]();
    // Ended by SIGHUP.
    assert.equal((await status).trim(), "1");
  });

  test("gives up a console socket that nobody came to", async () => {
    await using directory = await tempDir();
    await using thread = new PollThread();
    const consoleSocket = thread.consoleSocket(join(directory.path, "console"));
    await consoleSocket[Symbol.asyncDispose]();
    await assert.rejects(consoleSocket.terminal, { errno: "ECANCELED" });
  });

  test("does not keep a process from exiting", async () => {
    await using directory = await tempDir();
    const module = new URL("./poll-thread.ts", import.meta.url).pathname;
    const script = join(directory.path, "exits.mjs");
    await writeFile(
      script,
      `import { PollThread } from ${JSON.stringify(module)};
new PollThread().consoleSocket(${JSON.stringify(join(directory.path, "console"))});
setTimeout(() => process.exit(7), 500);`,
    );
    await assert.rejects(promisify(execFile)(process.execPath, [script]), { code: 7 });
  });
});
