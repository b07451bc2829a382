import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { describe, it } from "node:test";
import { promisify } from "node:util";
import { cli, cliOutput, cliTerminal, startCli } from "./support/cli.ts";
import { eventually } from "./support/condition.ts";
import { withBerth } from "./support/with-berth.ts";

const hexId = /^[0-9a-f]{64}$/;

describe("the command line", () => {
  const host = withBerth();
  const output = (...argv: readonly string[]) => cliOutput(host.berth, ...argv);
  const outcome = (...argv: readonly string[]) => cli(host.berth, ...argv);
  const run = (...argv: readonly string[]) => ["run", "--log-dir", host.berth.logDir, ...argv];

  /** A pod of that name with one container, which runs the given script or sleeps. */
  const start = (name: string, script = "exec sleep 1000") =>
    output(...run("-d", "--name", name, host.image, "sh", "-c", script));

  it("pulls an image, lists it, and removes it", async () => {
    await output("rmi", host.image);
    const pulled = await outcome("pull", host.image);
    assert.equal(pulled.status, 0);
    const id = pulled.stdout.trim();
    assert.match(id, /^sha256:[0-9a-f]{64}$/);
    assert.match(await output("images"), /busybox +latest /);
    assert.equal(await output("images", "-q"), id);
  });

  it("imports an archive that another tool wrote", async () => {
    const archive = join(host.berth.directory, "busybox.tar");
    const source = `docker://${host.image}`;
    await promisify(execFile)("skopeo", [
      ...["copy", "--src-tls-verify=false", source],
      `docker-archive:${archive}:example.test/imported:v1`,
    ]);
    assert.match(await output("image", "import", archive), /example\.test\/imported:v1/);
    assert.equal(
      await output(...run("--rm", "--pull", "never", "example.test/imported:v1", "echo", "hi")),
      "hi",
    );
  });

  it("saves an image into an archive, and loads it again", async () => {
    const archive = join(host.berth.directory, "saved.tar.zst");
    await output("save", "--compression", "zstd", "-o", archive, host.image);
    const id = await output("images", "-q", host.image);
    await output("rmi", "-f", id);
    assert.equal(await output("load", "-i", archive), `Loaded image: ${host.image}`);
    assert.equal(await output("images", "-q", host.image), id);
  });

  it("shows images as docker does, and prunes only those that no container uses", async () => {
    await start("using", "true");
    const [shown] = JSON.parse(await output("image", "inspect", host.image));
    assert.deepEqual([shown.Os, shown.RepoTags.includes(host.image)], ["linux", true]);
    assert.equal(await output("image", "prune", "-af"), "total reclaimed space: 0 B");
    await output("rm", "using");
    assert.match(await output("image", "prune", "-af"), new RegExp(`^deleted: ${shown.Id}$`, "m"));
    await output("pull", "-q", host.image);
  });

  it("runs a pod to its end and leaves nothing of it with --rm", async () => {
    const script = "echo out; echo err >&2; exit 7";
    const argv = run("--rm", "--name", "job", host.image, "sh", "-c", script);
    assert.deepEqual(await outcome(...argv), { status: 7, stdout: "out\n", stderr: "err\n" });
    assert.equal((await outcome("inspect", "job")).status, 3);
  });

  it("masks and protects the same paths as kubelets", async () => {
    const script = [
      "head -c 1 /proc/interrupts | wc -c",
      "(cat /proc/sys/kernel/panic > /proc/sys/kernel/panic) 2>/dev/null && echo written || echo refused",
    ].join("; ");
    assert.equal(await output(...run("--rm", host.image, "sh", "-c", script)), "0\nrefused");
  });

  it("lists, logs and inspects containers, stops them and removes them", async () => {
    const id = await start(
      "life",
      "trap 'echo bye; exit 0' TERM; echo hello; while true; do sleep 0.1; done",
    );
    assert.match(id, hexId);
    assert.equal(await output("ps", "-q", "--label", "io.kubernetes.pod.name=life"), id);
    const following = startCli(host.berth, ["logs", "-f", "life"]);
    await eventually("the log is followed", async () => {
      return (await output("logs", "life")) === "hello";
    });
    const { status } = JSON.parse(await output("inspect", "--type", "container", "life"));
    assert.deepEqual([status.id, status.state], [id, "CONTAINER_RUNNING"]);
    assert.equal(await output("stop", "life"), "life");
    assert.deepEqual(await following.outcome, { status: 0, stdout: "hello\nbye\n", stderr: "" });
    assert.equal(await output("ps", "-q", "--label", "io.kubernetes.pod.name=life"), "");
    assert.equal(await output("rm", "life"), "life");
    assert.equal((await outcome("inspect", "life")).status, 3);
  });

  it("passes our input to a container, and shows all of its output", async () => {
    const words = "word\n".repeat(100_000);
    const counting = startCli(host.berth, run("--rm", "-i", host.image, "wc", "-l"), { stdin: words });
    assert.deepEqual(await counting.outcome, { status: 0, stdout: "100000\n", stderr: "" });
  });

  it("when interrupted stops its container, and shows the last output", async () => {
    const controller = new AbortController();
    const script = "trap 'echo bye; exit 0' TERM; echo hello; while true; do sleep 0.1; done";
    const argv = run("--rm", "--name", "cut", host.image, "sh", "-c", script);
    const running = startCli(host.berth, argv, { signal: controller.signal });
    await eventually("it runs", async () => {
      return (await outcome("logs", "cut")).stdout === "hello\n";
    });
    controller.abort();
    assert.deepEqual(await running.outcome, { status: 130, stdout: "hello\nbye\n", stderr: "" });
  });

  it("runs a shell in our terminal, from its first prompt to its exit status", async () => {
    await using screen = cliTerminal(host.berth, ...run("--rm", "-it", "--name", "shell", host.image, "sh"));
    await screen.shows("/ # ");
    screen.type("stty size; tty; cat\n");
    await screen.shows("30 100\r\n/dev/pts/0\r\n");
    screen.type("meow\n");
    await screen.shows("meow\r\nmeow\r\n");
    screen.type("\x03");
    await screen.shows("^C\r\n/ # ");
    screen.type("exit 5\n");
    assert.equal(await screen.status(), 5);
    assert.equal(screen.shown.split("built-in shell").length, 2, "the first output is shown once");
    assert.equal((await outcome("inspect", "shell")).status, 3);
  });

  it("detaches from a container, attaches again, and exits with its status, although it is removed then", async () => {
    {
      await using screen = cliTerminal(host.berth, ...run("--rm", "-it", "--name", "stay", host.image, "sh"));
      await screen.shows("/ # ");
      screen.type("word=kept\n\x10\x11");
      assert.equal(await screen.status(), 0);
    }
    await using screen = cliTerminal(host.berth, "attach", "-it", "stay");
    await eventually("it answers", async () => {
      screen.type("echo $word; exit 6\n");
      return screen.shown.includes("kept\r\n");
    });
    assert.equal(await screen.status(), 6);
    await eventually("it is removed", async () => (await outcome("inspect", "stay")).status === 3);
  });

  it("runs commands in a container with their output, errors, input and exit status", async () => {
    await start("exec");
    const script = "echo out; echo err >&2; exit 42";
    assert.deepEqual(await outcome("exec", "exec", "sh", "-c", script), {
      status: 42,
      stdout: "out\n",
      stderr: "err\n",
    });
    const bytes = randomBytes(3_000_000).toString("base64");
    const cat = startCli(host.berth, ["exec", "-i", "exec", "cat"], { stdin: bytes });
    assert.deepEqual(await cat.outcome, { status: 0, stdout: bytes, stderr: "" });
    assert.equal((await outcome("exec", "exec", "/no/such/program")).status, 127);
  });

  it("runs a command in our terminal, and ends it when it is interrupted", async () => {
    await start("shells");
    await using screen = cliTerminal(host.berth, "exec", "-it", "shells", "sh");
    await screen.shows("/ # ");
    screen.type("stty size; exit 3\n");
    await screen.shows("30 100\r\n");
    assert.equal(await screen.status(), 3);
    const controller = new AbortController();
    const sleeping = startCli(host.berth, ["exec", "shells", "sh", "-c", "echo on; sleep 4321"], {
      signal: controller.signal,
    });
    await eventually("it runs", async () => {
      return (await output("exec", "shells", "ps")).includes("sleep 4321");
    });
    controller.abort();
    assert.equal((await sleeping.outcome).status, 130);
    await eventually("it has ended", async () => {
      return !(await output("exec", "shells", "ps")).includes("sleep 4321");
    });
  });

  it("forwards ports to the pod, even before anything listens", async () => {
    await start("serve");
    const controller = new AbortController();
    const forwarding = startCli(host.berth, ["port-forward", "serve", ":8080"], {
      signal: controller.signal,
    });
    let shown = "";
    forwarding.child.stdout.on("data", (chunk) => {
      shown += String(chunk);
    });
    const port = await eventually("it listens", async () => {
      return /Forwarding from 127\.0\.0\.1:(\d+) -> 8080/.exec(shown)?.[1];
    });
    const get = async () => {
      const socket = connect({ host: "127.0.0.1", port: Number(port) });
      socket.write("GET /etc/passwd HTTP/1.0\r\n\r\n");
      return text(socket).catch(() => "");
    };
    assert.equal(await get(), "");
    await output("exec", "serve", "httpd", "-p", "127.0.0.1:8080", "-h", "/");
    const answers = await Promise.all([get(), get(), get()]);
    for (const answer of answers) assert.match(answer, /app:x:1000:1001/);
    controller.abort();
    const { status, stderr } = await forwarding.outcome;
    assert.equal(status, 130);
    assert.match(stderr, /^berth: port 8080: /);
  });

  it("copies files to and from a container that has tar", async () => {
    await start("files");
    const local = join(host.berth.directory, "files");
    await mkdir(join(local, "site", "deep"), { recursive: true });
    await writeFile(join(local, "site", "index.html"), randomBytes(2_000_000));
    await writeFile(join(local, "site", "deep", "run"), "#!/bin/sh\n", { mode: 0o750 });
    assert.equal(await output("cp", join(local, "site"), "files:/tmp"), "");
    assert.equal(await output("exec", "files", "stat", "-c", "%U %a", "/tmp/site/deep/run"), "root 750");
    assert.equal(await output("cp", "files:/tmp/site/.", join(local, "back")), "");
    assert.deepEqual(
      await readFile(join(local, "back", "index.html")),
      await readFile(join(local, "site", "index.html")),
    );
    assert.equal((await stat(join(local, "back", "deep", "run"))).mode & 0o777, 0o750);
    await output("exec", "files", "rm", "/bin/tar");
    const { status, stderr } = await outcome("cp", "files:/tmp/site", join(local, "other"));
    assert.equal(status, 1);
    assert.match(stderr, /container files has no tar/);
    assert.deepEqual((await readdir(local)).sort(), ["back", "site"]);
  });
});
