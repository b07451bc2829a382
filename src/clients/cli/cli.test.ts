import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { defaultConfigFile } from "../../ground/config/index.ts";
import { berthVersion } from "../../ground/version/index.ts";
import { tempDir } from "../../testing/temp-dir.ts";
import { berth, serveCli } from "./testing/cli.ts";

test("help names every command and the exit statuses", async () => {
  const { status, stdout } = await berth(["--help"]);
  assert.equal(status, 0);
  for (const name of [
    "run",
    "pods",
    "ps",
    "logs",
    "exec",
    "inspect",
    "stop",
    "rm",
    "rmi",
    "pull",
    "images",
    "doctor",
  ]) {
    assert.match(stdout, new RegExp(`^  ${name} `, "m"));
  }
  assert.match(stdout, /Exit status:/);
  assert.doesNotMatch(stdout, /__complete/);
});

for (const argv of [
  ["help", "ps"],
  ["ps", "--help"],
]) {
  test(`\`berth ${argv.join(" ")}\` shows the command's options and examples`, async () => {
    const { status, stdout } = await berth(argv);
    assert.equal(status, 0);
    assert.match(stdout, /Usage: berth ps \[options\]/);
    assert.match(stdout, /--namespace/);
    assert.match(stdout, /Examples:/);
  });
}

for (const [argv, usage] of [
  [["help", "run", "busybox"], /^Usage: berth run /],
  [["help", "exec", "web", "rm", "-rf", "/"], /^Usage: berth exec /],
  [["help", "image", "pin"], /^Usage: berth image pin /],
  [["help", "image", "unmount", "x"], /^Usage: berth image umount/],
  [["help"], /^Usage: berth COMMAND /],
] as const) {
  test(`\`berth ${argv.join(" ")}\` shows help, and runs nothing`, async () => {
    const { status, stdout } = await berth(argv);
    assert.equal(status, 0);
    assert.match(stdout, usage);
  });
}

for (const name of ["tag", "cp", "run"]) {
  test(`the help of ${name} has its own options before those that it shares with other commands`, async () => {
    const { stdout } = await berth([name, "--help"]);
    const headings = stdout.match(/^(Options|Streaming|Connection):$/gm);
    assert.deepEqual([headings?.[0], headings?.length], ["Options:", name === "tag" ? 2 : 3]);
  });
}

test("a usage error is exit status 2, with a hint at what could be meant", async () => {
  const unknown = await berth(["pod"]);
  assert.equal(unknown.status, 2);
  assert.match(unknown.stderr, /^berth: unknown command `berth pod`: did you mean `berth pods`\?\n$/);
  // A property that every object of JavaScript has.
  const inherited = await berth(["constructor"]);
  assert.match(inherited.stderr, /^berth: unknown command `berth constructor`: .*berth --help/);
  assert.equal((await berth(["ps", "-o", "xml"])).status, 2);
  assert.equal((await berth(["logs"])).status, 2);
  assert.equal((await berth(["pods", "--label", "nokey", "--address", "tcp://x"])).status, 2);
});

const foreign: readonly [argv: readonly string[], advice: RegExp][] = [
  [["top", "web"], /`berth exec NAME ps`/],
  [["start", "web"], /runs only once/],
  [["--address", "/x.sock", "search", "a"], /does not search registries/],
  [["image", "ls"], /`berth images`/],
  [["frobnicate"], /`berth --help` lists/],
  [["run", "--network", "host", "busybox"], /`--host-network`/],
  [["run", "--tmpfs", "/tmp", "busybox"], /`berth play`/],
  [["run", "--device", "/dev/fuse", "busybox"], /--privileged/],
  [["exec", "-e", "A=1", "web", "env"], /env KEY=VALUE/],
  [["exec", "--user", "root", "web", "id"], /container's user/],
  [["exec", "--workdir", "/srv", "web", "ls"], /cd DIRECTORY/],
  [["kill", "-s", "HUP", "web"], /only SIGKILL/],
  [["stop", "--all"], /berth ps -aq/],
  [["rm", "-fv", "web"], /volumes/],
  [["run", "-P", "nginx"], /HOSTPORT:PORT/],
  [["-H", "unix:///x.sock", "ps"], /--address/],
  [["ps", "--filter", "name=web"], /jq selects/],
  [["images", "--format", "{{.ID}}"], /-o json/],
  [["stats", "--no-stream"], /the default/],
  [["logs", "--previous", "web"], /berth ps -a/],
  [["delete", "pod", "web", "--force"], /--grace-period 0/],
  [["metricsp"], /`berth metrics`/],
  [["get", "events"], /`berth describe KIND\/NAME`/],
  [["get", "node", "x"], /`berth doctor`/],
  [["kube", "play", "web.yaml"], /`berth play FILE`/],
  [["compose", "up"], /`berth play`/],
  [["label", "pod", "web", "a=b"], /`berth apply`/],
  [["help", "frobnicate"], /`berth --help` lists/],
  [["frobnicate", "--help"], /`berth --help` lists/],
  [["rollout", "pause", "deployment/web"], /paused: true/],
  [["config", "show"], /`berth config --help` lists/],
  [["generate", "web"], /`berth generate --help` lists/],
];

for (const [argv, advice] of foreign) {
  test(`there is advice for \`berth ${argv.join(" ")}\`, and none that is far-fetched`, async () => {
    const { status, stderr } = await berth(argv);
    assert.ok([2, 125].includes(status));
    assert.match(stderr, advice);
    assert.match(stderr, /^berth: /);
    assert.doesNotMatch(stderr, /[Dd]id you mean/);
  });
}

for (const [argv, option] of [
  [["pull", "--password=hunter2", "x"], "--password"],
  [["pull", "--pass-word=hunt'er2", "x"], "--pass-word"],
  [["login", "-phunter2"], "-p"],
] as const) {
  test(`the error about ${option} does not repeat its value, which may be a password`, async () => {
    const { status, stderr } = await berth(argv);
    assert.equal(status, 2);
    assert.ok(stderr.startsWith(`berth: unknown option '${option}'\n`), stderr);
    assert.doesNotMatch(stderr, /er2/);
  });
}

test("exec and run return 125 for their own failures, which commands do not use", async () => {
  assert.equal((await berth(["exec", "--bogus"])).status, 125);
  assert.equal((await berth(["run", "--address", "/nonexistent.sock", "busybox"])).status, 125);
});

test("a missing socket is exit status 4, with advice", async () => {
  await using dir = await tempDir();
  const address = join(dir.path, "none.sock");
  const { status, stderr } = await berth(["ps", "--address", address]);
  assert.equal(status, 4);
  assert.match(stderr, new RegExp(`${address}.*--address`));
});

test("an error cannot control the terminal, whatever text it quotes", async () => {
  const { status, stderr } = await berth(["ps", "--address", "/no/\x1b]0;evil\x07\x1b[2J.sock"]);
  assert.notEqual(status, 0);
  assert.match(stderr, /\?\]0;evil\?\?\[2J/);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  assert.doesNotMatch(stderr, /[\x07\x1b]/);
});

test("a socket without a listener is distinguished from a missing one", async () => {
  await using dir = await tempDir();
  const address = join(dir.path, "left.sock");
  const listen =
    "require('node:net').createServer().listen(process.argv[1], () => process.kill(process.pid, 'SIGKILL'))";
  await promisify(execFile)(process.execPath, ["-e", listen, address]).catch(() => undefined);
  const { status, stderr } = await berth(["ps", "--address", `unix://${address}`]);
  assert.equal(status, 4);
  assert.match(stderr, /nothing listens/);
  const plain = join(dir.path, "plain");
  await writeFile(plain, "");
  const other = await berth(["ps", "--address", plain]);
  assert.equal(other.status, 4);
  assert.match(other.stderr, /plain is not a socket; use --address or BERTH_ADDRESS/);
});

test("a socket without gRPC is exit status 4, too", async () => {
  await using dir = await tempDir();
  const address = join(dir.path, "other.sock");
  const server = createServer((socket) =>
    socket
      .on("error", () => {})
      .resume()
      .end("go away\n"),
  );
  await new Promise<void>((resolve) => server.listen(address, resolve));
  const { status, stderr } = await berth(["ps", "--timeout", "300ms"], { env: { BERTH_ADDRESS: address } });
  await new Promise((resolve) => server.close(resolve));
  assert.equal(status, 4);
  assert.match(stderr, /does not answer gRPC/);
});

test("the address comes from --address, also before the command, or from the environment", async () => {
  await using endpoint = await serveCli();
  for (const argv of [
    ["--address", endpoint.address, "pods"],
    ["pods", "--address", `unix://${endpoint.address}`],
  ]) {
    assert.equal((await berth(argv, { env: { BERTH_ADDRESS: "/nonexistent.sock" } })).status, 0);
  }
  assert.equal((await endpoint.run(["pods"])).status, 0);
});

test("an interrupted command returns 130 and prints nothing", async () => {
  await using endpoint = await serveCli();
  const controller = new AbortController();
  const following = endpoint.run(["events"], { signal: controller.signal });
  setImmediate(() => controller.abort());
  const { status, stderr } = await following;
  assert.equal(status, 130);
  assert.equal(stderr, "");
});

test("-v is the version, as of other tools, before a command only", async () => {
  const { status, stdout } = await berth(["-v"]);
  assert.deepEqual([status, stdout], [0, `${berthVersion}\n`]);
  assert.equal((await berth(["ps", "-v"])).status, 2);
});

test("the versions of both sides are shown", async () => {
  await using endpoint = await serveCli();
  const { stdout } = await endpoint.run(["version"]);
  assert.match(stdout, /^berth +\d+\.\d+\.\d+ \(Node\.js [\d.]+\)\n\S+ +1\.2\.3 \(CRI v1\)\n$/);
  const json = JSON.parse((await endpoint.run(["version", "-o", "json"])).stdout);
  assert.equal(json.runtime.runtimeVersion, "1.2.3");
});

test("info shows the conditions with their reasons, and with -o json the runtime's additional info", async () => {
  await using endpoint = await serveCli();
  const { stdout } = await endpoint.run(["info"]);
  assert.match(stdout, /NetworkReady +not ok +NetworkPluginNotReady +no conflist/);
  const json = JSON.parse((await endpoint.run(["info", "-o", "json"])).stdout);
  assert.equal(json.status.conditions.length, 2);
  assert.deepEqual(json.config, { root: "/var/lib/berth" });
});

test("info shows which optional parts of CRI each handler and the runtime support", async () => {
  await using endpoint = await serveCli();
  const { stdout } = await endpoint.run(["info"]);
  assert.match(
    stdout,
    /HANDLER +USER NAMESPACES +RECURSIVE READ-ONLY MOUNTS +CGROUP NAMESPACES\n\(default\) +no +yes +yes\n/,
  );
  assert.match(stdout, /cgroup mount modes +yes\nseccomp profiles from registries +yes\n/);
  assert.match(stdout, /user namespaces on the host's network +no\n/);
});

test("the default configuration passes the check", async () => {
  await using dir = await tempDir();
  const file = join(dir.path, "config.toml");
  await writeFile(file, (await berth(["config", "default"])).stdout);
  assert.deepEqual(await berth(["config", "check", file]), {
    status: 0,
    stdout: `${file} is valid\n`,
    stderr: "",
  });
  await writeFile(file, "adress = 1\n");
  const wrong = await berth(["config", "check", file]);
  assert.equal(wrong.status, 1);
  assert.match(wrong.stderr, /adress/);
  await writeFile(file, "root =\n");
  const { stderr } = await berth(["config", "check", file]);
  assert.match(stderr, /^berth: \S+config\.toml:\d+:\d+: this is not TOML: .+\n$/);
});

test("the check reports a missing configuration file", {
  skip: existsSync(defaultConfigFile),
}, async () => {
  const { status, stdout } = await berth(["config", "check"]);
  assert.equal(stdout, `${defaultConfigFile} does not exist: every key has its default\n`);
  assert.equal(status, 0);
});
