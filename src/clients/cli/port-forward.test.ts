import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { text } from "node:stream/consumers";
import { type TestContext, test } from "node:test";
import { ProcessEngine } from "../../doors/streaming/testing/process-engine.ts";
import { until } from "../../testing/until.ts";
import { berth, serveCli } from "./testing/cli.ts";
import { addPod } from "./testing/objects.ts";

/** An endpoint with a pod `web` whose ports are this machine's, and the command forwarding them. */
async function serve() {
  const streams = new ProcessEngine();
  const endpoint = await serveCli({ streams });
  const pod = addPod(endpoint, "aa", "web");
  const forward = async (...argv: readonly string[]) => {
    const controller = new AbortController();
    const argvOf = argv.some((word) => word.includes("/")) ? argv : ["web", ...argv];
    const running = endpoint.start(["port-forward", ...argvOf], { signal: controller.signal });
    const { stdout, stderr } = running.io;
    const ports = argv.filter((word) => /^[\d:]+$/.test(word) && word !== "::1").length;
    await until(() => lines(stdout.text()).length >= ports);
    return {
      stdout,
      stderr,
      status: running.status,
      stop: () => controller.abort(),
      /** Where it listens, in the order of the output: address and port. */
      listening: () => lines(stdout.text()).map(listener),
      async [Symbol.asyncDispose]() {
        controller.abort();
        await running.status;
      },
    };
  };
  return { ...endpoint, streams, pod, forward };
}

const lines = (output: string) => output.split("\n").slice(0, -1);

function listener(line: string): { readonly host: string; readonly port: number; readonly remote: number } {
  const [, host = "", port, remote] = /^Forwarding from \[?([^\]]+?)\]?:(\d+) -> (\d+)$/.exec(line) ?? [];
  return { host, port: Number(port), remote: Number(remote) };
}

/** A server in the pod that answers with its name and what it was told, once it has been told all. */
async function serverInPod(t: TestContext, name: string): Promise<number> {
  const server = createServer({ allowHalfOpen: true }, async (socket: Socket) => {
    socket.on("error", () => {});
    // Not text(), which closes what it has read to the end.
    const told = await Array.fromAsync(socket.iterator({ destroyOnReturn: false }));
    socket.end(`${name}: ${told.join("")}`);
  });
  return listen(t, server);
}

async function listen(t: TestContext, server: Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  return (server.address() as AddressInfo).port;
}

async function say(what: string, { host, port }: { host: string; port: number }): Promise<string> {
  const socket = connect({ host, port, allowHalfOpen: true });
  socket.end(what);
  return text(socket);
}

test("several ports are forwarded, each from a free port, on IPv4 and IPv6 alike", async (t) => {
  await using endpoint = await serve();
  const [one, two] = [await serverInPod(t, "one"), await serverInPod(t, "two")];
  await using forwarding = await endpoint.forward(`:${one}`, `:${two}`);
  await until(() => forwarding.listening().length === 4);
  const listening = forwarding.listening();
  assert.deepEqual(
    listening.map(({ host, remote }) => [host, remote]),
    [
      ["127.0.0.1", one],
      ["::1", one],
      ["127.0.0.1", two],
      ["::1", two],
    ],
  );
  assert.equal(listening[0]?.port, listening[1]?.port);
  const answers = await Promise.all(listening.map((at) => say(`to ${at.host}`, at)));
  assert.deepEqual(answers, ["one: to 127.0.0.1", "one: to ::1", "two: to 127.0.0.1", "two: to ::1"]);
});

test("a service's port is forwarded to its target in a pod, and those of a Deployment to a pod of its own", async (t) => {
  await using endpoint = await serve();
  const { objects } = endpoint;
  const port = await serverInPod(t, "web");
  const labels = { app: "web" };
  const set = objects.add("ReplicaSet", "web-1", { owner: objects.add("Deployment", "web") });
  const spec = { containers: [{ name: "app", ports: [{ name: "http", containerPort: port }] }] };
  objects.add("Pod", "web", { owner: set, labels, spec });
  objects.add("Service", "web", {
    spec: {
      selector: labels,
      ports: [
        { port: 80, targetPort: "http" },
        { port: 81, targetPort: port },
        { port: 82, targetPort: "none" },
        { port: 53, protocol: "UDP" },
      ],
    },
  });
  await using forwarding = await endpoint.forward("svc/web", ":80", ":81");
  await until(() => forwarding.listening().length === 4);
  const answers = await Promise.all(forwarding.listening().map((at) => say("hello", at)));
  assert.deepEqual(answers, Array(4).fill("web: hello"));
  await using other = await endpoint.forward("default/deploy/web", "--bind", "127.0.0.1", `:${port}`);
  const [at] = other.listening();
  assert.equal(at && (await say("again", at)), "web: again");
  const missing = await endpoint.run(["port-forward", "svc/web", "8080"]);
  assert.deepEqual(missing, { status: 3, stdout: "", stderr: "berth: Service web has no port 8080\n" });
  const unnamed = await endpoint.run(["port-forward", "svc/web", "82"]);
  assert.match(unnamed.stderr, /pod web has no port named "none"/);
  const datagrams = await endpoint.run(["port-forward", "svc/web", "53"]);
  assert.match(datagrams.stderr, /port 53 of Service web is UDP, and only TCP can be forwarded/);
});

test("of a headless service the port itself is forwarded", async (t) => {
  await using endpoint = await serve();
  const { objects } = endpoint;
  const port = await serverInPod(t, "web");
  const labels = { app: "web" };
  objects.add("Pod", "web", { labels });
  const ports = [{ port, targetPort: 1 }];
  objects.add("Service", "web", { spec: { clusterIP: "None", selector: labels, ports } });
  await using forwarding = await endpoint.forward("svc/web", "--bind", "127.0.0.1", `:${port}`);
  const [at] = await until(() => forwarding.listening().length === 1 && forwarding.listening());
  assert.equal(at && (await say("hello", at)), "web: hello");
});

test("a failed connection is reported and does not affect the others", async (t) => {
  await using endpoint = await serve();
  const remote = await serverInPod(t, "up");
  await using forwarding = await endpoint.forward("--bind", "127.0.0.1", `:${remote}`, ":1");
  const [up, down] = await until(() => forwarding.listening().length === 2 && forwarding.listening());
  assert.ok(up !== undefined && down !== undefined);
  const slow = connect({ host: up.host, port: up.port, allowHalfOpen: true });
  assert.equal(await say("hello?", down).catch(() => ""), "");
  await until(() => /berth: port 1: .*connect/.test(forwarding.stderr.text()));
  slow.end("still here");
  assert.equal(await text(slow), "up: still here");
});

test("Ctrl-C also ends the connections, and accepts no more", async (t) => {
  await using endpoint = await serve();
  const remote = await serverInPod(t, "up");
  const forwarding = await endpoint.forward("--bind", "127.0.0.1", `:${remote}`);
  const [at] = forwarding.listening();
  assert.ok(at !== undefined);
  const open = connect(at).on("error", () => {});
  const closed = once(open, "close");
  await until(() => endpoint.streams.forwarding === 1);
  forwarding.stop();
  assert.equal(await forwarding.status, 130);
  await closed;
  await assert.rejects(say("again", at), /ECONNREFUSED/);
});

test("a broken connection to the runtime is opened again, until the runtime reports that the pod is gone", async (t) => {
  await using endpoint = await serve();
  const remote = await serverInPod(t, "up");
  await using forwarding = await endpoint.forward("--bind", "127.0.0.1", `:${remote}`);
  const [at] = forwarding.listening();
  assert.ok(at !== undefined);
  assert.equal(await say("hi", at), "up: hi");
  await endpoint.restartStreams();
  assert.equal(await say("hi", at), "up: hi");
  await endpoint.engine.sandboxes.stop(endpoint.pod.id);
  await endpoint.restartStreams();
  await say("hi", at).catch(() => {});
  assert.equal(await forwarding.status, 1);
  assert.match(forwarding.stderr.text(), /is not ready/);
});

test("the local port is by default the pod's, and one in use is refused with a suggestion", async (t) => {
  await using endpoint = await serve();
  const taken = await serverInPod(t, "up");
  const { status, stderr } = await endpoint.run(["port-forward", "web", String(taken)]);
  assert.equal(status, 1);
  assert.match(stderr, new RegExp(`cannot listen on port ${taken}: it is already in use.*:REMOTE`));
});

for (const argv of [["0"], ["1:2:3"], ["http"], ["80:"], ["1:99999"], ["80", "--bind", "localhost"]]) {
  test(`port-forward web ${argv.join(" ")} is refused as a usage error`, async () => {
    await using endpoint = await serve();
    assert.equal((await endpoint.run(["port-forward", "web", ...argv])).status, 2);
  });
}

test("port-forward --address with an IP address, as for kubectl, is refused with what to use", async () => {
  const { status, stderr } = await berth(["port-forward", "--address", "0.0.0.0", "web", "80"]);
  assert.equal(status, 2);
  assert.equal(
    stderr,
    "berth: --address 0.0.0.0 is not a socket; `--bind 0.0.0.0` listens on that address\n",
  );
});
