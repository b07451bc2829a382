/** Uses Exec, Attach and PortForward with an unmodified crictl, over both transports. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { describe, it } from "node:test";
import { eventually } from "../support/condition.ts";
import { TestPod } from "../support/pod.ts";
import { Received, transports } from "../support/streams.ts";
import { withBerth } from "../support/with-berth.ts";

const program = (name: string) => new URL(`../../.conformance/${name}`, import.meta.url).pathname;

for (const transport of transports) {
  describe(`crictl over ${transport}`, () => {
    const host = withBerth();

    const args = (command: string, ...rest: string[]) => {
      const endpoint = `unix://${host.berth.socket}`;
      const global = ["--runtime-endpoint", endpoint, "--image-endpoint", endpoint, "--timeout", "30s"];
      return [...global, command, "--transport", transport, ...rest];
    };
    /** Runs it on a pseudo-terminal of its own, which crictl's -t requires. */
    const onTerminal = (command: string, ...rest: string[]) => {
      const words = [program("crictl"), ...args(command, ...rest)];
      const quoted = words.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(" ");
      return spawn("script", ["--quiet", "--return", "--command", quoted, "/dev/null"], {
        stdio: ["pipe", "pipe", "inherit"],
      });
    };
    const start = async (name: string, script: string, config: object = {}) =>
      (await TestPod.run(host.berth, name)).shell("main", host.image, script, config);

    it("runs a command with its streams and exit code", async () => {
      const id = await start("exec", "exec sleep 1000");
      const child = spawn(program("crictl"), args("exec", "-i", id, "sh", "-c", "cat; echo no >&2; exit 3"), {
        stdio: "pipe",
      });
      const [stdout, stderr] = [text(child.stdout), text(child.stderr)];
      const exited = once(child, "exit");
      child.stdin.end("some words");
      assert.equal(await stdout, "some words");
      // crictl itself reports there that it has no configuration, and the exit code.
      assert.match(await stderr, /^no$/m);
      assert.notEqual((await exited)[0], 0);
    });

    it("runs a command on a terminal", async () => {
      const id = await start("exec-tty", "exec sleep 1000");
      const child = onTerminal("exec", "-i", "-t", id, "sh");
      const exited = once(child, "exit");
      const shown = new Received(child.stdout);
      await eventually("the shell asks", async () => shown.text.includes("#"));
      child.stdin.write("tty; echo a''b\n");
      await eventually("the command has run", async () => /\/dev\/pts\/\d+\s+ab/.test(shown.text));
      child.stdin.write("exit\n");
      assert.equal((await exited)[0], 0);
    });

    it("attaches to a container, writes to it and reads its output", async () => {
      const id = await start("attach", "cat; echo end", { stdin: true, stdinOnce: true });
      const child = spawn(program("crictl"), args("attach", "-i", id), {
        stdio: ["pipe", "pipe", "inherit"],
      });
      const [output, exited] = [text(child.stdout), once(child, "exit")];
      child.stdin.end("some words\n");
      assert.equal(await output, "some words\nend\n");
      assert.equal((await exited)[0], 0);
    });

    it("attaches to a container's terminal", async () => {
      const id = await start("attach-tty", "exec sh", { stdin: true, tty: true });
      const child = onTerminal("attach", "-i", "-t", id);
      const exited = once(child, "exit");
      const shown = new Received(child.stdout);
      await eventually("it answers", async () => {
        child.stdin.write("echo a''b\n");
        return /\bab\b/.test(shown.text);
      });
      child.stdin.write("exit\n");
      await exited;
    });

    it("forwards a port of a pod", async () => {
      const pod = await TestPod.run(host.berth, "forward");
      await pod.shell("web", host.image, "echo a page > /tmp/index.html; exec httpd -f -p 8080 -h /tmp");
      const child = spawn(program("crictl"), args("port-forward", pod.id, "0:8080"), {
        stdio: ["ignore", "pipe", "inherit"],
      });
      try {
        const said = new Received(child.stdout);
        const port = await eventually("it forwards", async () => {
          const found = /127\.0\.0\.1:(\d+) ->/.exec(said.text)?.[1];
          return found === undefined ? undefined : Number(found);
        });
        const page = await eventually("the page comes", async () => {
          const socket = connect({ host: "127.0.0.1", port });
          socket.write("GET / HTTP/1.0\r\n\r\n");
          const answer = await text(socket).catch(() => "");
          return answer.includes("a page") && answer;
        });
        assert.match(page, /^HTTP\/1\.. 200/);
      } finally {
        child.kill();
      }
    });
  });
}
