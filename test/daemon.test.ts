import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { access, cp, mkdir, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, it } from "node:test";
import { promisify } from "node:util";
import { credentials } from "@grpc/grpc-js";
import { HealthCheckResponse_ServingStatus, HealthClient } from "../src/ground/protocol/index.ts";
import { tempDir } from "../src/testing/temp-dir.ts";
import { TestBerth } from "./support/berth.ts";
import { cli } from "./support/cli.ts";
import { eventually } from "./support/condition.ts";
import { type Fault, faultsOf, makeFault } from "./support/faults.ts";
import { podConfig } from "./support/requests.ts";

/** A daemon in which the test can cause faults. */
async function faultyBerth() {
  await using opened = new AsyncDisposableStack();
  const { path } = opened.use(await tempDir());
  const berth = opened.use(await TestBerth.start({ network: undefined, env: faultsOf(path) }));
  const all = opened.move();
  return {
    berth,
    make: (fault: Fault) => makeFault(path, fault),
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

async function verboseStatus(berth: TestBerth): Promise<Readonly<Record<string, string>>> {
  return (await berth.clients.runtime.status({ verbose: true })).info;
}

describe("the daemon", () => {
  it("counts an unhandled rejection, logs its stack and continues, and the doctor reports it", async () => {
    await using faulty = await faultyBerth();
    const { berth } = faulty;
    const seen = async () => JSON.parse((await verboseStatus(berth)).unhandledErrors ?? "{}");
    assert.deepEqual(await seen(), { count: 0 });
    await faulty.make("unhandled-rejection");
    const { last } = await eventually("it is counted", async () => {
      const now = await seen();
      return now.count === 1 && now;
    });
    assert.match(last.error, /^Error: a rejection made by a test\n +at /);
    const line = (await berth.daemonLog()).split("\n").find((each) => each.includes("made by a test"));
    assert.match(line ?? "", /"level":"error".*faults\.ts/);
    const { stdout } = await cli(berth, "doctor");
    assert.match(stdout, /^warn +unhandled errors +1 since .*made by a test/m);
  });

  it("names unusable files in the current status, in the log, and in the doctor", async () => {
    await using directory = await tempDir();
    const hosts = join(directory.path, "certs.d/registry.example/hosts.toml");
    const hook = join(directory.path, "hooks.d/10-bad.json");
    for (const path of [hosts, hook]) {
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, "{");
    }
    const config = [
      ...["[images]", `certs_dirs = [${JSON.stringify(dirname(dirname(hosts)))}]`],
      ...["[container]", `hooks_dirs = [${JSON.stringify(dirname(hook))}]`],
    ].join("\n");
    await using berth = await TestBerth.start({ network: undefined, config });
    const named = async () =>
      JSON.parse((await verboseStatus(berth)).unusableFiles ?? "[]").map(
        ({ reader, path }: { readonly reader: string; readonly path: string }) => `${reader}: ${path}`,
      );
    assert.deepEqual(await named(), [`OCI hooks: ${hook}`, `registry hosts: ${hosts}`]);
    for (const path of [hosts, hook])
      assert.match(await berth.daemonLog(), new RegExp(`"level":"warn".*${path}.*a file is invalid`));
    const { stdout } = await cli(berth, "doctor", "--config", join(berth.directory, "config.toml"));
    assert.match(stdout, new RegExp(`^warn +hosts\\.toml +${hosts}: `, "m"));
    assert.match(stdout, new RegExp(`^warn +OCI hooks +${hook}: `, "m"));
    await writeFile(hosts, "");
    assert.deepEqual(await named(), [`OCI hooks: ${hook}`]);
    await writeFile(hosts, "colour = 1");
    assert.deepEqual(await named(), [`OCI hooks: ${hook}`, `registry hosts: ${hosts}`]);
  });

  it("ends after an uncaught exception, with its stack in the log and a specific exit code", async () => {
    await using faulty = await faultyBerth();
    await faulty.make("uncaught-exception");
    assert.equal(await faulty.berth.ended(), 70);
    assert.match(await faulty.berth.daemonLog(), /"level":"fatal".*an exception made by a test.*faults\.ts/);
    await faulty.berth.startDaemon();
  });

  it("ends after its database's thread has died, and reports that to those who watch its health", async () => {
    await using faulty = await faultyBerth();
    const { berth } = faulty;
    const health = new HealthClient(`unix:${berth.socket}`, credentials.createInsecure(), {
      "grpc.default_authority": "localhost",
    });
    const watch = health.watch({ service: "" });
    watch.on("error", () => undefined);
    const { SERVING, NOT_SERVING } = HealthCheckResponse_ServingStatus;
    assert.equal((await once(watch, "data"))[0].status, SERVING);
    const told = once(watch, "data");
    await faulty.make("dead-database");
    assert.equal((await told)[0].status, NOT_SERVING);
    health.close();
    assert.equal(await berth.ended(), 1);
    assert.match(
      await berth.daemonLog(),
      /"level":"fatal".*metadata\.db: its thread has ended: a death made by a test/,
    );
    await berth.startDaemon();
  });

  it("that cannot load all of its code, as during an update, reports that and ends", async () => {
    await using own = await tempDir();
    const dist = join(own.path, "dist");
    await cp(new URL("../dist", import.meta.url), dist, { recursive: true });
    await symlink(new URL("../node_modules", import.meta.url), join(own.path, "node_modules"));
    const rooms = (await readdir(dist)).filter((name) => name.startsWith("daemon-"));
    for (const name of rooms) await rm(join(dist, name));
    const program = join(dist, "berthd.cjs");
    const refused = TestBerth.start({ network: undefined, program });
    await assert.rejects(refused, /^Error: berthd ended:\n.*Cannot find module.*daemon-/s);
  });

  it("whose root directory cannot be created reports that and ends", async () => {
    await using directory = await tempDir();
    const file = join(directory.path, "file");
    await writeFile(file, "");
    const refused = TestBerth.start({ network: undefined, root: join(file, "below", "root") });
    await assert.rejects(refused, /berthd ended:\n.*ENOTDIR.*\/file\/below/s);
  });

  for (const shared of ["root", "state"] as const) {
    it(`is refused a ${shared} directory that another daemon uses, with the name of that one`, async () => {
      await using berth = await TestBerth.start({ network: undefined });
      await using own = await tempDir();
      const directories = { root: join(own.path, "root"), state: join(own.path, "state") };
      const { root, state }: typeof directories = Object.assign(directories, { [shared]: berth[shared] });
      const args = ["--root", root, "--state", state, "--address", join(own.path, "berth.sock")];
      const program = new URL("../dist/berthd.cjs", import.meta.url).pathname;
      const env = { ...process.env, CACHE_DIRECTORY: join(own.path, "cache") };
      const config = join(own.path, "config.toml");
      await writeFile(config, "");
      await assert.rejects(
        promisify(execFile)(process.execPath, [program, "--config", config, ...args], { env }),
        {
          code: 1,
          stderr: new RegExp(`^berthd: ${berth[shared]} is in use by process ${berth.pid};`),
        },
      );
      await berth.restartDaemon("SIGKILL");
    });
  }

  it("neither opens a debugger nor ends on the signals by which daemons are asked to reload", async () => {
    await using berth = await TestBerth.start({ network: undefined });
    // Node silently ignores the first one; the others are logged after it would have taken effect.
    for (const signal of ["SIGUSR1", "SIGUSR2", "SIGHUP"] as const) process.kill(berth.pid, signal);
    for (const signal of ["SIGUSR2", "SIGHUP"])
      await eventually("it is logged", async () =>
        (await berth.daemonLog()).includes(`"signal":"${signal}"`),
      );
    assert.equal((await berth.clients.runtime.version({ version: "" })).runtimeName, "berth");
    assert.doesNotMatch(await berth.daemonLog(), /Debugger listening/);
  });

  it("ends in time while a plugin hangs, and the next one removes the pod that was being created", async () => {
    await using plugins = await tempDir();
    const begun = join(plugins.path, "begun");
    const script = `#!/bin/sh\ncat >/dev/null\n[ "$CNI_COMMAND" = ADD ] || exit 0\ntouch ${begun}\nexec sleep 1000\n`;
    await writeFile(join(plugins.path, "hanging"), script, { mode: 0o755 });
    const network = { cniVersion: "1.0.0", name: "hanging", plugins: [{ type: "hanging" }] };
    await using berth = await TestBerth.start({ network, pluginDirs: [plugins.path], pluginTimeout: "600h" });
    const made = berth.clients.runtime.runPodSandbox({ config: podConfig("hangs"), runtimeHandler: "" });
    const failed = assert.rejects(made);
    await eventually("the plugin hangs", () =>
      access(begun).then(
        () => true,
        () => false,
      ),
    );
    await berth.stopDaemon("SIGTERM");
    await failed;
    assert.match(await berth.daemonLog(), /"level":"error".*shutdown took too long/);
    await berth.startDaemon();
    assert.deepEqual((await berth.clients.runtime.listPodSandbox({ filter: undefined })).items, []);
  });

  it("is started as in the tests: without a debugger behind a signal", async () => {
    assert.match(
      await readFile(new URL("../bin/berthd", import.meta.url), "utf8"),
      /^MALLOC_ARENA_MAX=1 exec .*--disable-sigusr1 /m,
    );
  });
});
