import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { finished, pipeline } from "node:stream/promises";
import { describe, it } from "node:test";
import { NamespaceMode } from "../src/ground/protocol/index.ts";
import { tempDir } from "../src/testing/temp-dir.ts";
import { TestBerth } from "./support/berth.ts";
import { startBusyboxRegistry } from "./support/busybox.ts";
import { eventually } from "./support/condition.ts";
import { execSync, TestPod } from "./support/pod.ts";
import { echoInPod } from "./support/pod-server.ts";
import { selfSigned } from "./support/self-signed.ts";
import { attach, exec, forwardPort, manyBytes, outputOf, Received, transports } from "./support/streams.ts";
import { hostPort } from "./support/subnet.ts";
import { withBerth } from "./support/with-berth.ts";

/**
 * With BERTH_TEST_LARGE=1, the largest amounts that are promised: 1 GiB, 200 commands and 500 connections at
 * once.
 */
const large = process.env.BERTH_TEST_LARGE === "1";
const manyMiB = large ? 1024 : 64;
const manyExecs = large ? 200 : 50;
const manyConnections = large ? 500 : 100;

/** Repeats each word of its input, and reports when its stdin has ended. */
const repeat = "echo ready; while read word; do echo got $word; done; echo end; exec sleep 1000";

for (const transport of transports) {
  describe(`over ${transport}, a command`, () => {
    const host = withBerth();
    const start = async (name: string) =>
      (await TestPod.run(host.berth, name)).shell("shell", host.image, "exec sleep 1000");
    const sh = (id: string, script: string, options: { tty?: boolean; input?: string } = {}) =>
      outputOf(host.berth, id, ["sh", "-c", script], { transport, ...options });

    it("has its own stdin, stdout, stderr and exit code", async () => {
      const id = await start("streams");
      const outcome = await sh(id, "cat; echo no >&2; exit 7", { input: "some words" });
      assert.deepEqual(outcome, { exitCode: 7, stdout: "some words", stderr: "no\n" });
      assert.deepEqual(await sh(id, "cat; kill -9 $$"), { exitCode: 137, stdout: "", stderr: "" });
      assert.deepEqual(await sh(id, "tty"), { exitCode: 1, stdout: "not a tty\n", stderr: "" });
      assert.match((await outputOf(host.berth, id, ["/no/such"], { transport })).stderr, /no\/such/);
      assert.equal((await outputOf(host.berth, id, ["/no/such"], { transport })).exitCode, 127);
    });

    it("on a terminal echoes its input, sees the window's size and gets control-C", async () => {
      const id = await start("terminal");
      await using command = await exec(host.berth, id, ["sh"], { transport, tty: true, stdin: true });
      const shown = new Received(command.stdout);
      command.resize({ width: 99, height: 33 });
      await eventually("the size is seen", async () => {
        command.stdin?.write("stty size\n");
        return shown.text.includes("33 99");
      });
      command.resize({ width: 111, height: 44 });
      await eventually("the next size is seen", async () => {
        command.stdin?.write("stty size\n");
        return shown.text.includes("44 111");
      });
      command.stdin?.write("sleep 4321\n");
      await eventually("sleep runs", async () =>
        (await execSync(host.berth, id, "ps")).includes("sleep 4321"),
      );
      command.stdin?.write("\x03");
      command.stdin?.write("exit 5\n");
      assert.equal(await command.exitCode, 5);
    });

    it("is killed with its children when its client disconnects, with a terminal and without", async () => {
      const id = await start("vanish");
      for (const tty of [false, true]) {
        const gone = new AbortController();
        const options = { transport, tty, signal: gone.signal };
        const command = await exec(host.berth, id, ["sh", "-c", "sleep 4321 & echo up; sleep 4321"], options);
        const output = new Received(command.stdout);
        await eventually("it runs", async () => output.text.includes("up"));
        gone.abort();
        await eventually(
          "its processes are gone",
          async () => !(await execSync(host.berth, id, "ps")).includes("4321"),
        );
      }
    });

    it(`gets ${manyMiB} MiB and returns them unchanged, while the daemon's memory stays flat`, async () => {
      const id = await start("volume");
      await using command = await exec(host.berth, id, ["cat"], { transport, stdin: true });
      command.stderr?.resume();
      await isEchoed(host.berth, command.stdin, command.stdout);
      assert.equal(await command.exitCode, 0);
    });

    it("blocks while its client reads nothing, and nothing accumulates", async () => {
      const id = await start("stopped");
      await using _command = await exec(host.berth, id, ["sh", "-c", "yes 0123456789"], { transport });
      const before = await residentMiB(host.berth);
      const written = () => execSync(host.berth, id, "sh", "-c", "cat /proc/$(pidof yes)/io | grep wchar");
      await eventually("yes runs", async () => written().catch(() => undefined));
      await eventually("it stands still", async () => {
        const earlier = await written();
        await new Promise((resolve) => setTimeout(resolve, 500));
        return earlier === (await written());
      });
      assert.ok((await residentMiB(host.berth)) - before < 64);
    });

    it(`can run ${manyExecs} times at once`, async () => {
      const id = await start("many");
      const outcomes = await Promise.all(
        Array.from({ length: manyExecs }, (_, index) =>
          sh(id, `read word; echo $word ${index}; exit ${index % 100}`, { input: "word\n" }),
        ),
      );
      outcomes.forEach(({ exitCode, stdout }, index) => {
        assert.deepEqual([exitCode, stdout], [index % 100, `word ${index}\n`]);
      });
    });
  });

  describe(`over ${transport}, attaching to a container`, () => {
    const host = withBerth();

    it("sends its output from then on to all attached clients, and accepts input from any", async () => {
      const pod = await TestPod.run(host.berth, "attach");
      const id = await pod.shell("repeat", host.image, repeat, { stdin: true });
      await eventually("it is ready", async () => (await pod.log("repeat")).includes("stdout F ready"));
      await using one = await attach(host.berth, id, { transport, stdin: true });
      await using other = await attach(host.berth, id, { transport, stdin: true });
      const outputs = [new Received(one.stdout), new Received(other.stdout)];
      // Lines of the first one may still be in transit when the other's arrive.
      const all = (what: string) =>
        eventually(`all have seen ${what}`, async () => outputs.every(({ text }) => text.includes(what)));
      // Both are attached when both have received something.
      await eventually("both are attached", async () => {
        one.stdin?.write("x\n");
        return outputs.every(({ text }) => text !== "");
      });
      for (const { text } of outputs) assert.doesNotMatch(text, /ready/);
      other.stdin?.write("two\n");
      await all("got two\n");
      other.stdin?.end();
      one.stdin?.write("three\n");
      await all("got three\n");
      assert.ok((await pod.log("repeat")).includes("stdout F got three"));
    });

    it("ends a stdin for one client with that client's, and ends well with it", async () => {
      const pod = await TestPod.run(host.berth, "once");
      const id = await pod.shell("repeat", host.image, "cat; echo end; exit 3", {
        stdin: true,
        stdinOnce: true,
      });
      await using command = await attach(host.berth, id, { transport, stdin: true });
      command.stdin?.end("word\n");
      assert.equal(await text(command.stdout as Readable), "word\nend\n");
      assert.equal(await command.exitCode, 0);
    });

    it("with a terminal echoes input and follows the window's size", async () => {
      const pod = await TestPod.run(host.berth, "attach-tty");
      const id = await pod.shell("shell", host.image, "exec sh", { stdin: true, tty: true });
      await using command = await attach(host.berth, id, { transport, stdin: true, tty: true });
      const shown = new Received(command.stdout);
      command.resize({ width: 99, height: 33 });
      await eventually("the size is seen", async () => {
        command.stdin?.write("stty size\n");
        return shown.text.includes("33 99");
      });
    });

    it("with a terminal passes on every key at once, like commands, even docker's keys for detaching", async () => {
      const pod = await TestPod.run(host.berth, "keys");
      const raw = "stty raw -echo; echo ready; exec cat";
      const id = await pod.shell("main", host.image, raw, { stdin: true, tty: true });
      const options = { transport, tty: true, stdin: true } as const;
      await eventually("its terminal is set", async () => (await pod.log("main")).length > 0);
      await using command = await exec(host.berth, id, ["sh", "-c", raw], options);
      await using attached = await attach(host.berth, id, options);
      for (const { stdin, stdout } of [command, attached]) {
        const received = new Received(stdout);
        if (stdout === command.stdout)
          await eventually("its terminal is set", async () => received.text.includes("ready"));
        for (const key of ["\x10", "\x11", "\x10", "a"]) {
          received.text = "";
          stdin?.write(key);
          await eventually(`key ${JSON.stringify(key)} has come`, async () => received.text.includes(key));
        }
      }
    });
  });
}

describe("port-forward", () => {
  const host = withBerth();
  const serve = (address: string) => `echo the page > /tmp/index.html; exec httpd -f -p ${address} -h /tmp`;

  async function pageOf(podId: string, port: number): Promise<string> {
    await using forward = await forwardPort(host.berth, podId, port);
    const socket = await forward.connect();
    socket.end("GET / HTTP/1.0\r\n\r\n");
    const page = await text(socket);
    assert.deepEqual(forward.failures, []);
    return page;
  }

  for (const [family, address] of [
    ["IPv4", "127.0.0.1:8080"],
    ["IPv6", "[::1]:8080"],
  ] as const) {
    it(`reaches only what listens on ${family}'s localhost in the pod`, async () => {
      const pod = await TestPod.run(host.berth, `forward-${family.toLowerCase()}`);
      const id = await pod.shell("page", host.image, serve(address));
      await listening(host.berth, id, 8080);
      assert.match(await pageOf(pod.id, 8080), /the page/);
    });
  }

  it("reaches the host's localhost for a pod in the host's network", async () => {
    const namespaceOptions = { network: NamespaceMode.NODE, pid: NamespaceMode.CONTAINER };
    const pod = await TestPod.run(host.berth, "forward-host", {
      linux: { securityContext: { namespaceOptions } },
    });
    const port = hostPort();
    const id = await pod.shell("page", host.image, serve(`127.0.0.1:${port}`));
    await listening(host.berth, id, port);
    assert.match(await pageOf(pod.id, port), /the page/);
  });

  it("passes on the end of one direction while the other continues", async () => {
    const pod = await TestPod.run(host.berth, "forward-halves");
    await using server = await echoInPod(host.berth, await pod.shell("shell", host.image, "exec sleep 1000"));
    await using forward = await forwardPort(host.berth, pod.id, server.port);
    const socket = await forward.connect();
    socket.end("some words");
    assert.equal(await text(socket), "some words");
  });

  it("reports that nothing listens", async () => {
    const pod = await TestPod.run(host.berth, "forward-none");
    await using forward = await forwardPort(host.berth, pod.id, 81);
    const socket = await forward.connect();
    await finished(socket.resume(), { writable: false }).catch(() => undefined);
    await eventually("the failure is told", async () => forward.failures.length > 0);
    assert.match(forward.failures[0] ?? "", /port 81.*ECONNREFUSED/);
  });

  it(`transfers ${manyMiB} MiB in both directions unchanged, while the daemon's memory stays flat`, async () => {
    const pod = await TestPod.run(host.berth, "forward-volume");
    await using server = await echoInPod(host.berth, await pod.shell("shell", host.image, "exec sleep 1000"));
    await using forward = await forwardPort(host.berth, pod.id, server.port);
    const socket = await forward.connect();
    await isEchoed(host.berth, socket, socket);
  });

  it(`transfers ${manyConnections} connections at once, without any processes`, async () => {
    const pod = await TestPod.run(host.berth, "forward-many");
    await using server = await echoInPod(host.berth, await pod.shell("shell", host.image, "exec sleep 1000"));
    await using forward = await forwardPort(host.berth, pod.id, server.port);
    const { pid } = host.berth;
    const children = () => readFile(`/proc/${pid}/task/${pid}/children`, "utf8");
    const before = await children();
    const sockets = await Promise.all(Array.from({ length: manyConnections }, () => forward.connect()));
    const answers = sockets.map((socket) => text(socket));
    for (const [index, socket] of sockets.entries()) socket.write(`number ${index}`);
    assert.equal(await children(), before);
    for (const socket of sockets) socket.end();
    assert.deepEqual(
      await Promise.all(answers),
      sockets.map((_, index) => `number ${index}`),
    );
    assert.deepEqual(forward.failures, []);
  });
});

describe("a streaming request", () => {
  const host = withBerth();
  const none = { tty: false, stdin: false, stdout: false, stderr: false };

  it("is rejected before a URL is returned if it cannot be served", async () => {
    const { runtime } = host.berth.clients;
    const pod = await TestPod.run(host.berth, "refused");
    const containerId = await pod.shell("shell", host.image, "exec sleep 1000");
    const cmd = ["true"];
    await assert.rejects(runtime.exec({ ...none, containerId, cmd }), /INVALID_ARGUMENT/);
    await assert.rejects(
      runtime.exec({ containerId, cmd, tty: true, stdin: true, stdout: true, stderr: true }),
      /INVALID_ARGUMENT/,
    );
    await assert.rejects(runtime.exec({ ...none, stdout: true, cmd, containerId: "no-such" }), /NOT_FOUND/);
    await runtime.stopContainer({ containerId, timeout: 0n });
    await assert.rejects(runtime.exec({ ...none, stdout: true, cmd, containerId }), /FAILED_PRECONDITION/);
    await assert.rejects(runtime.attach({ ...none, stdout: true, containerId }), /FAILED_PRECONDITION/);
    await runtime.stopPodSandbox({ podSandboxId: pod.id });
    await assert.rejects(runtime.portForward({ podSandboxId: pod.id, port: [80] }), /FAILED_PRECONDITION/);
  });

  for (const signal of ["SIGTERM", "SIGKILL"] as const) {
    it(`leaves no command behind when the daemon ends by ${signal} and starts again`, async () => {
      const pod = await TestPod.run(host.berth, `end-${signal.toLowerCase()}`);
      const id = await pod.shell("shell", host.image, "echo ready; exec sleep 1000");
      const script = "trap '' HUP; echo up; sleep 4321";
      const commands = await Promise.all(
        [false, true].map((tty) => exec(host.berth, id, ["sh", "-c", script], { tty })),
      );
      const outputs = commands.map(({ stdout }) => new Received(stdout));
      await eventually("both run", async () => outputs.every(({ text }) => text.includes("up")));
      await host.berth.restartDaemon(signal);
      await eventually(
        "the commands are gone",
        async () => !(await execSync(host.berth, id, "ps")).includes("4321"),
      );
      assert.deepEqual((await outputOf(host.berth, id, ["echo", "again"])).stdout, "again\n");
      await Promise.all(commands.map((command) => command[Symbol.asyncDispose]()));
    });
  }
});

describe("a streaming server with TLS", () => {
  it("requires a client's certificate, and does not start without its own", async () => {
    await using directory = await tempDir();
    const file = (name: string) => join(directory.path, name);
    const ca = await selfSigned(file("tls"));
    const tls = (cert: string) =>
      `[streaming.tls]\ncert = "${cert}"\nkey = "${ca.keyFile}"\nclient_ca = "${ca.certFile}"\nmin_version = "1.3"\n`;
    await assert.rejects(
      TestBerth.start({ config: tls(file("none")) }),
      /streaming\.tls\.cert.*cannot be read/,
    );
    await using registry = await startBusyboxRegistry();
    await using berth = await TestBerth.start({ config: tls(ca.certFile) });
    await berth.pull(registry.image);
    const id = await (await TestPod.run(berth, "tls")).shell("shell", registry.image, "exec sleep 1000");
    const known = { ca: ca.cert, cert: ca.cert, key: ca.key, serverName: "localhost" };
    for (const transport of transports) {
      const outcome = await outputOf(berth, id, ["echo", "secret"], { transport, tls: known });
      assert.equal(outcome.stdout, "secret\n");
      const stranger = { ca: ca.cert, serverName: "localhost" };
      await assert.rejects(outputOf(berth, id, ["echo", "secret"], { transport, tls: stranger }));
    }
  });
});

/** Sends many bytes and compares the echo; the daemon may use at most 64 MiB more meanwhile. */
async function isEchoed(
  berth: TestBerth,
  input: NodeJS.WritableStream | undefined,
  output: Readable | undefined,
): Promise<void> {
  assert.ok(input !== undefined && output !== undefined);
  const before = await residentMiB(berth);
  let most = 0;
  const watch = setInterval(async () => {
    most = Math.max(most, await residentMiB(berth));
  }, 50);
  const [sent, received] = [createHash("sha256"), createHash("sha256")];
  let bytes = 0;
  output.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    received.update(chunk);
  });
  const source = manyBytes(manyMiB * 2 ** 20);
  source.on("data", (chunk: Buffer) => sent.update(chunk));
  await Promise.all([pipeline(source, input, { end: true }), once(output, "end")]);
  clearInterval(watch);
  assert.equal(bytes, manyMiB * 2 ** 20);
  assert.equal(received.digest("hex"), sent.digest("hex"));
  assert.ok(most - before < 64, `the daemon grew from ${before} to ${most} MiB`);
}

async function residentMiB(berth: TestBerth): Promise<number> {
  const status = await readFile(`/proc/${berth.pid}/status`, "utf8");
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) / 1024;
}

/** Waits until something in the container listens on a TCP port. */
async function listening(berth: TestBerth, containerId: string, port: number): Promise<void> {
  const hex = port.toString(16).toUpperCase().padStart(4, "0");
  await eventually(`port ${port} listens`, async () => {
    const table = await execSync(berth, containerId, "cat", "/proc/net/tcp", "/proc/net/tcp6");
    return new RegExp(`:${hex} [0-9A-F:]+ 0A`).test(table);
  });
}
