import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { describe, it } from "node:test";
import { promisify } from "node:util";
import { tempDir } from "../../../testing/temp-dir.ts";
import { until } from "../../../testing/until.ts";
import { forbidFileWrites } from "./process-calls.ts";
import { type SpawnOptions, spawn } from "./spawn.ts";

const pipes: SpawnOptions = { cwd: "/", env: {}, stdio: ["reads", "writes", "writes"] };

/** Runs a shell script to its end; returns what it wrote and how it ended. */
async function shell(script: string, options: Partial<SpawnOptions> = {}, input = "") {
  const child = spawn("/bin/sh", ["-c", script], { ...pipes, ...options });
  const [stdin, stdout, stderr] = child.stdio;
  assert.ok(stdout !== undefined && stderr !== undefined);
  const ended = once(child, "close");
  stdin?.end(input);
  const [out, err] = await Promise.all([text(stdout), text(stderr)]);
  const [code, signal] = await ended;
  return { out, err, code, signal };
}

/**
 * Starts a program with one free descriptor after the other, until it can be started; tells what was said and
 * what is left open.
 */
const fewDescriptors = `
  const { readdirSync } = await import("node:fs");
  const { spawn } = await import(${JSON.stringify(new URL("spawn.ts", import.meta.url).href)});
  const open = () => readdirSync("/proc/self/fd").length;
  const { libcFunction } = await import(${JSON.stringify(new URL("../libc.ts", import.meta.url).href)});
  const setrlimit = libcFunction("int setrlimit(int resource, const uint64_t *limits)");
  const allow = (limit) => setrlimit(7, new BigUint64Array([BigInt(limit), 1000n]));
  const start = () => spawn("/bin/true", [], { cwd: "/", env: {}, stdio: ["reads", "writes", "writes"] });
  allow(1000);
  await new Promise((resolve) => start().once("close", resolve).stdio.forEach((pipe) => pipe.resume().end()));
  const before = open();
  const errors = [];
  for (let limit = 3; errors.length < 100; limit++) {
    allow(limit);
    try {
      start().once("close", () => {}).stdio.forEach((pipe) => pipe.resume().end());
      break;
    } catch ({ code, message }) {
      errors.push({ code, message });
    } finally {
      allow(1000);
    }
    if (open() !== before) errors.push({ code: "leak", message: limit + ": " + (open() - before) });
  }
  console.log(JSON.stringify(errors));
`;

/** Starts a process that it does not own any more, which outlives it, and prints its pid. */
const disowning = `
  const { spawn } = await import(${JSON.stringify(new URL("spawn.ts", import.meta.url).href)});
  const child = spawn("/bin/sleep", ["1000"], { cwd: "/", env: {}, stdio: [] });
  child.disown();
  console.log(child.pid);
`;

describe("a process", () => {
  it("reads and writes its pipes and tells its exit code", async () => {
    const { out, err, code } = await shell("cat; echo bad >&2; exit 7", {}, "given");
    assert.deepEqual([out, err, code], ["given", "bad\n", 7]);
  });

  it("reads the end at once of a pipe that has ended, and has one to open by name", async () => {
    const stdio: SpawnOptions["stdio"] = ["ended", "writes", "writes"];
    assert.deepEqual(await shell("cat; cat /dev/stdin; test -p /dev/stdin && echo pipe", { stdio }), {
      out: "pipe\n",
      err: "",
      code: 0,
      signal: null,
    });
  });

  it("that a signal kills tells the signal", async () => {
    assert.deepEqual(await shell("kill -TERM $$"), { out: "", err: "", code: null, signal: "SIGTERM" });
  });

  it("has the environment and the directory that it is given, and no other", async () => {
    const { out } = await shell("pwd; env | grep -v -e ^PWD= -e ^SHLVL= -e ^_=", {
      cwd: tmpdir(),
      env: { A: "1", B: "x y" },
    });
    assert.equal(out, `${tmpdir()}\nA=1\nB=x y\n`);
  });

  it("can lead a session of its own", async () => {
    const { out } = await shell("cut -d' ' -f1,6 /proc/$$/stat", { detached: true });
    const [pid, session] = out.trim().split(" ");
    assert.equal(session, pid);
  });

  it("has no descriptor but those that it is given", async () => {
    const { out } = await shell("for fd in $(seq 10 400); do [ -e /proc/$$/fd/$fd ] && echo $fd; done");
    assert.equal(out, "");
  });

  it("starts with no signal blocked, and none ignored but those of libc's own", async () => {
    const { out } = await shell("exec grep -e SigBlk -e SigIgn /proc/self/status");
    const [blocked = 1n, ignored = 1n] = (out.match(/\t(\w+)/g) ?? []).map((mask) =>
      BigInt(`0x${mask.trim()}`),
    );
    assert.deepEqual([blocked, ignored & ~0x180000000n], [0n, 0n]);
  });

  it("starts with the signals blocked that it is told, and so does what it starts", async () => {
    const { out } = await shell("(grep SigBlk /proc/self/status)", { blockedSignals: ["SIGHUP", "SIGXFSZ"] });
    assert.equal(BigInt(`0x${out.split("\t")[1]?.trim()}`), (1n << 0n) | (1n << 24n));
  });

  it("may be forbidden to write any more to files, and finds that an error", async () => {
    const script = 'read go; echo more > "$0" || echo "cannot"; echo pipe';
    await using directory = await tempDir();
    const child = spawn("/bin/sh", ["-c", script, join(directory.path, "file")], {
      ...pipes,
      blockedSignals: ["SIGXFSZ"],
    });
    const ended = once(child, "close");
    forbidFileWrites(child.pid);
    child.pipe(0).end("go\n");
    const [said] = await Promise.all([text(child.pipe(1)), text(child.pipe(2))]);
    assert.equal(said, "cannot\npipe\n");
    await ended;
    assert.throws(() => forbidFileWrites(child.pid), { errno: "ESRCH" });
  });

  it("that does not exist is an error that names it", () => {
    assert.throws(() => spawn("/no/such/program", [], pipes), {
      errno: "ENOENT",
      message: /\/no\/such\/program/,
    });
  });

  it("for which there are too few descriptors leaves none of them open, and says what to do", async () => {
    const args = ["--input-type=module", "-e", fewDescriptors];
    const { stdout } = await promisify(execFile)(process.execPath, args);
    const errors: readonly { readonly code: string; readonly message: string }[] = JSON.parse(stdout);
    assert.ok(errors.length > 1);
    for (const { code, message } of errors) {
      assert.equal(code, "ResourceExhausted", message);
      assert.match(message, /\/bin\/true: EMFILE; out of .*descriptors.*LimitNOFILE/);
    }
  });

  it("that is disowned lives on when this one ends, which does not wait for it", async () => {
    const args = ["--input-type=module", "-e", disowning];
    const { stdout } = await promisify(execFile)(process.execPath, args);
    process.kill(Number(stdout), "SIGKILL");
  });

  it("that is disowned leaves no zombie, even beside an ended child of Node's own", async () => {
    const others = Array.from({ length: 5 }, () => promisify(execFile)("/bin/true"));
    const child = spawn("/bin/true", [], { ...pipes, stdio: [] });
    child.disown();
    await until(() => !existsSync(`/proc/${child.pid}`));
    await Promise.all(others);
  });

  it("is one of many that end at the same time", async () => {
    const codes = await Promise.all(
      Array.from({ length: 40 }, async (_, index) => (await shell(`exit ${index}`)).code),
    );
    assert.deepEqual(
      codes,
      Array.from({ length: 40 }, (_, index) => index),
    );
  });
});
