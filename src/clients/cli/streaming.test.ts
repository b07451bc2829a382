import assert from "node:assert/strict";
import { test } from "node:test";
import { image } from "../../doors/cri/testing/samples.ts";
import { ProcessEngine } from "../../doors/streaming/testing/process-engine.ts";
import { until } from "../../testing/until.ts";
import { type Endpoint, serveCli } from "./testing/cli.ts";
import { addContainer, addPod, endContainer, playContainers } from "./testing/objects.ts";
import { TestTerminal } from "./testing/terminal.ts";

/** An endpoint with a pod `web` and its container `app`, where exec runs on this machine. */
async function serve(streams: ProcessEngine = new ProcessEngine()) {
  const endpoint = await serveCli({ streams });
  addPod(endpoint, "aa", "web");
  addContainer(endpoint, "c1", "app", "aa");
  return { ...endpoint, streams };
}

const terminal = (endpoint: Endpoint, ...argv: readonly string[]) =>
  new TestTerminal(argv, { BERTH_ADDRESS: endpoint.address });

for (const transport of ["auto", "websocket", "spdy"]) {
  test(`exec over ${transport} shows both streams and ends with the command's status`, async () => {
    await using endpoint = await serve();
    const script = "echo out; echo err >&2; exit 42";
    assert.deepEqual(await endpoint.run(["exec", "--transport", transport, "web", "sh", "-c", script]), {
      status: 42,
      stdout: "out\n",
      stderr: "err\n",
    });
  });

  test(`exec -i over ${transport} passes our input to the command, and its end`, async () => {
    await using endpoint = await serve();
    const stdin = "x".repeat(3_000_000);
    const argv = ["exec", "-i", "--transport", transport, "web", "wc", "-c"];
    assert.deepEqual(await endpoint.run(argv, { stdin }), { status: 0, stdout: "3000000\n", stderr: "" });
  });
}

test("exec shows output as it arrives, and Ctrl-C ends the command", async () => {
  await using endpoint = await serve();
  const controller = new AbortController();
  const exec = endpoint.start(["exec", "web", "sh", "-c", "echo here; sleep 1000"], {
    signal: controller.signal,
  });
  await until(() => exec.io.stdout.text() === "here\n");
  controller.abort();
  assert.equal(await exec.status, 130);
  await until(() => endpoint.streams.running.size === 0);
});

test("exec reads no input without -i, and does not wait for input that the command ignores", async () => {
  await using endpoint = await serve();
  const silent = await endpoint.run(["exec", "web", "wc", "-c"], { stdin: "not for you" });
  assert.equal(silent.stdout, "0\n");
  const endless = await endpoint.run(["exec", "-i", "web", "true"], { stdin: "x".repeat(10_000_000) });
  assert.deepEqual(endless, { status: 0, stderr: "", stdout: "" });
});

test("exec accepts a command after --, too, as kubectl requires", async () => {
  await using endpoint = await serve();
  assert.equal((await endpoint.run(["exec", "web", "--", "echo", "--", "x"])).stdout, "-- x\n");
  const none = await endpoint.run(["exec", "web", "--"]);
  assert.deepEqual([none.status, none.stderr], [125, "berth: missing the command behind --\n"]);
});

test("exec of a program that cannot be run reports why, with berth's own status", async () => {
  await using endpoint = await serve();
  const { status, stderr } = await endpoint.run(["exec", "web", "/no/such/program"]);
  assert.equal(status, 125);
  assert.match(stderr, /^berth: .*\/no\/such\/program/);
});

test("exec works without streaming at the endpoint, but not with input or a terminal", async () => {
  await using endpoint = await serveCli();
  addPod(endpoint, "aa", "web");
  addContainer(endpoint, "c1", "app", "aa");
  endpoint.engine.exec = async () => ({
    exitCode: 3,
    stdout: Buffer.from("out"),
    stderr: new Uint8Array(),
  });
  assert.deepEqual(await endpoint.run(["exec", "web", "true"]), { status: 3, stdout: "out", stderr: "" });
  assert.equal((await endpoint.run(["exec", "-i", "web", "true"])).status, 125);
});

test("-i and -t without a terminal are an error before anything runs", async () => {
  await using endpoint = await serve();
  for (const argv of [
    ["exec", "-it", "web", "sh"],
    ["attach", "-it", "web"],
    ["run", "-it", "busybox"],
  ]) {
    const { status, stderr } = await endpoint.run(argv);
    assert.equal(status, 125);
    assert.match(stderr, /stdin is not a terminal/);
  }
  assert.equal(endpoint.engine.sandboxTable.size, 1);
});

test("in a terminal, every key is passed to the command, and its output is shown unchanged", async () => {
  await using endpoint = await serve();
  await using screen = terminal(endpoint, "exec", "-it", "web", "sh", "-c", "echo ready; head -c 6 | od -c");
  await screen.shows("ready\n");
  screen.type("a\x03\x04\x1a\r\x1c");
  assert.equal(await screen.status(), 0);
  assert.match(screen.shown, /0000000 {3}a 003 004 032 {2}\\r 034\n0000006\n/);
  assert.doesNotMatch(screen.shown, /ready\r\n/);
});

test("a terminal's size is sent at the start and whenever it changes, and the terminal is restored at the end", async () => {
  await using endpoint = await serve();
  await using screen = terminal(endpoint, "exec", "-it", "web", "sh", "-c", "echo ready; read line; exit 9");
  await screen.shows("ready");
  await screen.resize(50);
  await until(() => endpoint.streams.sizes.length === 2);
  assert.deepEqual(endpoint.streams.sizes, [
    { width: 100, height: 30 },
    { width: 100, height: 50 },
  ]);
  screen.type("done\n");
  assert.equal(await screen.status(), 9);
  assert.match(screen.shown, /\nopost [\s\S]* icanon [\s\S]* echo /);
});

test("the detach keys end the connection of an exec, which ends the command", async () => {
  await using endpoint = await serve();
  await using screen = terminal(endpoint, "exec", "-it", "web", "sh", "-c", "echo ready; cat");
  await screen.shows("ready");
  screen.type("\x10\x11");
  assert.equal(await screen.status(), 130);
  await until(() => endpoint.streams.running.size === 0);
  assert.match(screen.shown, / icanon/);
});

test("a terminal that is hung up ends the command", async () => {
  await using endpoint = await serve();
  await using screen = terminal(endpoint, "exec", "-it", "web", "sh", "-c", "echo ready; cat");
  await screen.shows("ready");
  await screen[Symbol.asyncDispose]();
  await until(() => endpoint.streams.running.size === 0);
});

/** A container whose first process gives its input back and ends with it. `ended` is called then. */
class EchoingContainer extends ProcessEngine {
  ended = () => {};
  readonly #shown: string;
  readonly #end = new AbortController();

  /** What it wrote before anybody was attached. */
  constructor(shown = "") {
    super();
    this.#shown = shown;
  }

  override async attach(...[request, io, signal]: Parameters<ProcessEngine["attach"]>): Promise<void> {
    io.stdout?.write(this.#shown);
    await super
      .attach(request, io, AbortSignal.any([signal, this.#end.signal]))
      .catch((error) => this.#end.signal.aborted || Promise.reject(error));
    this.ended();
  }

  end(): void {
    this.#end.abort();
  }
}

test("attach passes our input to the container, shows its output, and ends with its status", async () => {
  const streams = new EchoingContainer();
  await using endpoint = await serve(streams);
  streams.ended = () => endContainer(endpoint, "c1", 5);
  // By its object, whose pod has the same name.
  endpoint.objects.add("Pod", "web", { spec: { containers: [{ name: "app" }] } });
  for (const name of ["web", "pod/web"]) {
    addContainer(endpoint, "c1", "app", "aa");
    assert.deepEqual(await endpoint.run(["attach", "-i", name], { stdin: "hello" }), {
      status: 5,
      stdout: "hello",
      stderr: "",
    });
  }
});

test("attach ends with the status of a container that is removed when it ends", async () => {
  const streams = new EchoingContainer();
  await using endpoint = await serve(streams);
  const { engine } = endpoint;
  const { id } = addContainer(endpoint, "c1", "app", "aa");
  let holds = 0;
  engine.holdContainer = () => {
    holds++;
    return { [Symbol.dispose]: () => void holds-- };
  };
  streams.ended = () => {
    endContainer(endpoint, "c1", 5);
    if (holds === 0) engine.containerTable.delete(id);
  };
  const { status, stderr } = await endpoint.run(["attach", "-i", "web"], { stdin: "hello" });
  assert.deepEqual([status, stderr], [5, ""]);
  await until(() => holds === 0);
});

test("attach to a container that has ended fails, and so does one without a container", async () => {
  await using endpoint = await serve();
  endContainer(endpoint, "c1", 0);
  const ended = await endpoint.run(["attach", "web"]);
  assert.equal(ended.status, 125);
  assert.match(ended.stderr, /is not running/);
  assert.match((await endpoint.run(["attach", "nothing"])).stderr, /no such container/);
});

test("the detach keys leave an attached container running", async () => {
  const streams = new EchoingContainer("$ ");
  await using endpoint = await serve(streams);
  await using screen = terminal(endpoint, "attach", "-it", "--detach-keys", "ctrl-x,x", "web");
  await screen.shows("$ ");
  screen.type("\x10\x11 go on \x18y");
  await screen.shows("\x10\x11 go on \x18y");
  assert.deepEqual(endpoint.streams.sizes, [
    { width: 100, height: 31 },
    { width: 100, height: 30 },
  ]);
  screen.type("\x18x");
  assert.equal(await screen.status(), 0);
  assert.match(screen.shown, /berth: detached; the container keeps running/);
});

test("run -i passes our input to the container and shows its output from the log", async () => {
  const streams = new EchoingContainer();
  await using endpoint = await serve(streams);
  endpoint.engine.imageTable.push(image());
  playContainers(endpoint, { stays: true, output: "2026-03-01T08:00:00Z stdout F counted\n" });
  const received: string[] = [];
  streams.attach = async ({ containerId }, io) => {
    assert.equal(io.stdout, undefined);
    for await (const chunk of io.stdin ?? []) received.push(String(chunk));
    endContainer(endpoint, containerId, 4);
  };
  const argv = ["run", "-i", "--log-dir", endpoint.dir, "busybox", "wc"];
  assert.deepEqual(await endpoint.run(argv, { stdin: "some words" }), {
    status: 4,
    stdout: "counted\n",
    stderr: "",
  });
  assert.equal(received.join(""), "some words");
  const { stdin, stdinOnce, tty } = newestContainer(endpoint).config;
  assert.deepEqual({ stdin, stdinOnce, tty }, { stdin: true, stdinOnce: true, tty: false });
});

test("run -it also shows output from before we attached, and ends with the container", async () => {
  const streams = new EchoingContainer("# ");
  await using endpoint = await serve(streams);
  endpoint.engine.imageTable.push(image());
  playContainers(endpoint, {
    stays: true,
    output: "2026-03-01T08:00:00Z stdout F welcome\r\n2026-03-01T08:00:00Z stdout P # \n",
  });
  await using screen = terminal(
    endpoint,
    ...["run", "--rm", "-it", "--name", "shell", "--log-dir", endpoint.dir, "busybox"],
  );
  await screen.shows("# ");
  screen.type("ls");
  await screen.shows("# ls");
  assert.match(screen.shown, /\nwelcome\r\n# ls$/);
  const made = newestContainer(endpoint);
  assert.equal(made.config.tty, true);
  endContainer(endpoint, made.id, 6);
  streams.end();
  assert.equal(await screen.status(), 6);
  assert.equal(endpoint.engine.sandboxTable.size, 1);
});

test("run -it leaves the container running after detaching", async () => {
  const streams = new EchoingContainer("# ");
  await using endpoint = await serve(streams);
  endpoint.engine.imageTable.push(image());
  playContainers(endpoint, { stays: true });
  await using screen = terminal(endpoint, "run", "--rm", "-it", "--log-dir", endpoint.dir, "busybox");
  await screen.shows("# ");
  screen.type("\x10\x11");
  assert.equal(await screen.status(), 0);
  assert.match(screen.shown, /berth attach -it [0-9a-f]{12}/);
  assert.equal(newestContainer(endpoint).state.kind, "running");
});

function newestContainer({ engine }: Endpoint) {
  const newest = [...engine.containerTable.values()].at(-1);
  assert.ok(newest !== undefined);
  return newest;
}
