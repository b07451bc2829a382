/**
 * Tests the kubelet's own API, for which the runtime provides data and streams: what kubectl and metrics see.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { duplexPair } from "node:stream";
import { text } from "node:stream/consumers";
import { describe, it } from "node:test";
import { WebSocket } from "ws";
import {
  connectPortForward,
  connectRemoteCommand,
  type Transport,
} from "../../src/clients/streamclient/index.ts";
import { eventually } from "../support/condition.ts";
import { nodeName } from "../support/kubelet.ts";
import { Received, transports } from "../support/streams.ts";
import { withKubelet } from "../support/with-kubelet.ts";

const idle = "trap 'exit 0' TERM; while true; do sleep 0.1; done";
type Streams = { readonly stdin?: boolean; readonly tty?: boolean };

type Host = ReturnType<typeof withKubelet>;

const path = (kind: string, name: string, query = "") =>
  `/${kind}/default/${name}-${nodeName}${kind === "portForward" ? "" : "/main"}${query}`;

function command(
  host: Host,
  kind: "exec" | "attach",
  name: string,
  transport: Transport,
  words: readonly string[],
  { stdin = false, tty = false }: Streams = {},
) {
  const query = new URLSearchParams(words.map((word) => ["command", word]));
  query.set("output", "1");
  if (stdin) query.set("input", "1");
  query.set(tty ? "tty" : "error", "1");
  return connectRemoteCommand({
    url: async () => host.kubelet.url(path(kind, name, `?${query}`)),
    transport,
    tls: { ca: host.kubelet.ca },
    ...{ stdin, tty, stdout: true, stderr: !tty },
  });
}

describe("a kubelet's API", () => {
  const host = withKubelet();

  it("returns logs, also of a container's earlier runs, and follows them", async () => {
    await host.kubelet.run("logs", {
      spec: {
        volumes: [{ name: "work", emptyDir: {} }],
        containers: [
          host.shell(
            "main",
            `[ -e /work/life ] || { touch /work/life; echo first life; exit 1; }
            echo to stdout; echo to stderr >&2; until [ -e /work/go ]; do sleep 0.1; done; echo later; ${idle}`,
            { volumeMounts: [{ name: "work", mountPath: "/work" }] },
          ),
        ],
      },
    });
    await host.kubelet.until("it has written both", async () => {
      const { body } = await host.kubelet.ask(path("containerLogs", "logs"));
      return body.includes("to stdout\n") && body.includes("to stderr\n");
    });
    await host.kubelet.until("it has had another life", async () => {
      const { body } = await host.kubelet.ask(path("containerLogs", "logs", "?previous=true"));
      return body === "first life\n";
    });
    const limited = await host.kubelet.ask(path("containerLogs", "logs", "?tailLines=1&timestamps=true"));
    assert.match(limited.body, /^\d{4}-\d\d-\d\dT\S+ to std(out|err)\n$/);
    const following = await host.kubelet.open(path("containerLogs", "logs", "?follow=true"));
    const followed = new Received(following);
    await eventually("what there is has come", async () => followed.text.includes("to stdout"));
    const go = await command(host, "exec", "logs", "websocket", ["touch", "/work/go"]);
    assert.equal(await go.exitCode, 0);
    await eventually("what is written later comes", async () => followed.text.includes("later\n"));
    following.destroy();
    await host.kubelet.remove("logs");
  });

  for (const transport of transports) streamsOver(host, transport);

  it("runs a command without streams", async () => {
    await host.kubelet.run("run", { spec: { containers: [host.shell("main", idle)] } });
    const { status, body } = await host.kubelet.ask(path("run", "run", "?cmd=echo%20hello"), "POST");
    assert.deepEqual([status, body], [200, "hello\n"]);
    await host.kubelet.remove("run");
  });

  describe("port-forward", () => {
    const serve = (name: string) =>
      host.kubelet.run(name, {
        spec: {
          containers: [
            host.shell("main", "echo a page >/tmp/index.html; exec httpd -f -p 127.0.0.1:8080 -h /tmp", {
              readinessProbe: {
                exec: { command: ["wget", "-qO-", "http://127.0.0.1:8080/"] },
                periodSeconds: 1,
              },
            }),
          ],
        },
      });
    const request = "GET / HTTP/1.0\r\n\r\n";

    it("connects to a port of the pod over SPDY", async () => {
      await serve("forward-spdy");
      await using client = await connectPortForward({
        url: async () => host.kubelet.url(path("portForward", "forward-spdy")),
        tls: { ca: host.kubelet.ca },
      });
      const [near, far] = duplexPair({ allowHalfOpen: true });
      const forwarded = client.forward(far, 8080);
      near.write(request);
      assert.match(await text(near), /^HTTP\/1\.. 200[\s\S]*a page\n$/);
      near.end();
      await forwarded;
      await host.kubelet.remove("forward-spdy");
    });

    it("connects to a port of the pod over channels of a WebSocket", async () => {
      await serve("forward-channels");
      const url = host.kubelet.url(path("portForward", "forward-channels", "?port=8080"));
      const ws = new WebSocket(url.href.replace("https", "wss"), ["v4.channel.k8s.io"], {
        ca: host.kubelet.ca,
      });
      const messages: Buffer[] = [];
      ws.on("message", (data: Buffer) => messages.push(data));
      await once(ws, "open");
      ws.send(Buffer.from(`\x00${request}`));
      // The first message of each channel is the port number.
      await eventually("the page has come", async () => {
        const data = messages.filter((message) => message[0] === 0).slice(1);
        return data
          .map((message) => message.subarray(1))
          .join("")
          .includes("a page\n");
      });
      ws.terminate();
      await host.kubelet.remove("forward-channels");
    });
  });

  it("lists the pods that the runtime has", async () => {
    const { metadata } = await host.kubelet.run("told", { spec: { containers: [host.shell("main", idle)] } });
    // It caches the runtime's list for a while.
    await host.kubelet.until("the pod is the only one", async () => {
      const { items } = JSON.parse((await host.kubelet.ask("/runningpods/")).body);
      return items?.length === 1 && items[0].metadata.uid === metadata.uid;
    });
    await host.kubelet.remove("told");
  });
});

/** By default, a kubelet translates its clients' WebSockets to SPDY for the runtime. */
describe("a kubelet that passes WebSockets on to the runtime", () => {
  const host = withKubelet({
    featureGates: { ExtendWebSocketsToKubelet: false },
  });
  streamsOver(host, "websocket");
});

function streamsOver(host: Host, transport: Transport): void {
  it(`runs commands over ${transport}, with their streams, exit codes and terminals`, async () => {
    const name = `exec-${transport}`;
    await host.kubelet.run(name, { spec: { containers: [host.shell("main", idle)] } });
    await using plain = await command(
      host,
      "exec",
      name,
      transport,
      ["sh", "-c", "cat; echo no >&2; exit 3"],
      {
        stdin: true,
      },
    );
    const [stdout, stderr] = [new Received(plain.stdout), new Received(plain.stderr)];
    plain.stdin?.end("some words");
    assert.equal(await plain.exitCode, 3);
    await eventually("all has come", async () => stdout.text === "some words" && stderr.text === "no\n");

    await using terminal = await command(host, "exec", name, transport, ["sh"], { stdin: true, tty: true });
    const shown = new Received(terminal.stdout);
    terminal.resize({ width: 101, height: 37 });
    await eventually("the terminal has its size", async () => {
      terminal.stdin?.write("stty size\n");
      return shown.text.includes("37 101");
    });
    terminal.stdin?.write("exit 4\n");
    assert.equal(await terminal.exitCode, 4);

    await using missing = await command(host, "exec", name, transport, ["/no/such/program"]);
    missing.stdout?.resume();
    const reason = new Received(missing.stderr);
    assert.equal(await missing.exitCode, 127);
    await eventually("the reason has come", async () => reason.text.includes("/no/such/program"));
    await host.kubelet.remove(name);
  });

  it(`attaches to a container over ${transport}`, async () => {
    const name = `attach-${transport}`;
    await host.kubelet.run(name, {
      spec: {
        restartPolicy: "Never",
        containers: [
          host.shell("main", "while read line; do echo got $line; [ $line = end ] && exit; done", {
            stdin: true,
          }),
        ],
      },
    });
    await using attached = await command(host, "attach", name, transport, [], { stdin: true });
    const stdout = new Received(attached.stdout);
    attached.stderr?.resume();
    attached.stdin?.write("words\n");
    await eventually("it answers", async () => stdout.text === "got words\n");
    attached.stdin?.write("end\n");
    assert.equal(await attached.exitCode, 0);
    await host.kubelet.podThat(name, "has ended", ({ status }) => status.phase === "Succeeded");
    await host.kubelet.remove(name);
  });
}
