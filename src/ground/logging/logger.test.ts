import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { open, readFile } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { promisify } from "node:util";
import { smallDisk } from "../../testing/small-disk.ts";
import { tempDir } from "../../testing/temp-dir.ts";
import { until } from "../../testing/until.ts";
import { DescriptorDestination } from "./destination.ts";
import { createLogger, type LoggerOptions, runWithRequestId } from "./index.ts";
import { redact } from "./redact.ts";

function logged(options: Partial<LoggerOptions> = {}) {
  const lines: string[] = [];
  const destination = { write: (line: string) => void lines.push(line) };
  const logger = createLogger({ level: "info", format: "json", ...options, destination });
  return { logger, lines, records: () => lines.map((line) => JSON.parse(line)) };
}

test("a JSON line has the level's name, an ISO time, the fields and the message", () => {
  const { logger, records } = logged();
  logger.child({ sandboxId: "abc" }).warn({ attempt: 2 }, "slow plugin");
  const [{ time, ...rest }] = records();
  assert.deepEqual(rest, { level: "warn", sandboxId: "abc", attempt: 2, msg: "slow plugin" });
  assert.equal(new Date(time).toISOString(), time);
});

test("lines below the level are not written", () => {
  const { logger, lines } = logged({ level: "error" });
  logger.warn("not this");
  logger.error("this");
  assert.equal(lines.length, 1);
});

test("every line of a request has its id, also of child loggers and after an await, and no other line has", async () => {
  const { logger, records } = logged();
  const child = logger.child({ room: "images" });
  const request = (id: string) =>
    runWithRequestId(id, async () => {
      logger.info(`begin ${id}`);
      await nextTurn();
      child.info(`end ${id}`);
    });
  await Promise.all([request("one"), request("two")]);
  logger.info("outside");
  for (const { msg, requestId } of records()) {
    assert.equal(requestId, msg === "outside" ? undefined : msg.split(" ")[1]);
  }
  assert.equal(records().length, 5);
});

test("credentials are blotted out at the top and inside objects", () => {
  const { logger, lines } = logged();
  logger.info({ password: "hunter2", request: { auth: { username: "u", password: "hunter2" } } }, "pull");
  logger.info({ response: { headers: { authorization: "Bearer hunter2" } }, token: "hunter2" }, "answer");
  assert.equal(lines.length, 2);
  for (const line of lines) {
    assert.doesNotMatch(line, /hunter2/);
    assert.match(line, /\[redacted\]/);
  }
});

test("credentials are blotted out in lists, in errors, and in the fields of a child", () => {
  const { logger, lines, records } = logged();
  const err = Object.assign(new Error("refused"), { request: { token: "hunter2" } });
  logger
    .child({ registry: { password: "hunter2", host: "a" } })
    .warn({ err, all: [{ cookie: "hunter2" }] }, "x");
  assert.doesNotMatch(lines.join(), /hunter2/);
  const [{ registry, all, err: error }] = records();
  assert.deepEqual(
    [registry, all, error.request],
    [{ password: "[redacted]", host: "a" }, [{ cookie: "[redacted]" }], { token: "[redacted]" }],
  );
});

test("what is logged stays as it is for whoever logs it, and without credentials is not copied", () => {
  const auth = { auth: { username: "u" } };
  redact(auth);
  assert.deepEqual(auth, { auth: { username: "u" } });
  const plain = { method: "Get", request: { names: ["a"], bytes: Buffer.from("token") } };
  assert.equal(redact(plain), plain);
});

test("an error is logged with its code and its causes", () => {
  const { logger, records } = logged();
  const err = Object.assign(new Error("pull failed", { cause: new Error("connection reset") }), {
    code: "Unavailable",
  });
  logger.error({ err }, "pulling busybox");
  assert.equal(records()[0].err.message, "pull failed: connection reset");
  assert.equal(records()[0].err.code, "Unavailable");
});

test("a pretty line is one line for people with level, message, request id and fields", () => {
  const { logger, lines } = logged({ format: "pretty" });
  runWithRequestId("r1", () => logger.info({ image: "busybox" }, "pulled"));
  assert.equal(lines.length, 1);
  assert.match(
    lines[0] ?? "",
    /^\[\d\d:\d\d:\d\d\.\d{3}\] INFO: pulled .*"requestId":"r1".*"image":"busybox".*\n$/,
  );
});

for (const format of ["json", "pretty"] as const) {
  test(`${format} lines written to standard error right before the process exits are not lost`, async () => {
    const script = `
      import { createLogger } from ${JSON.stringify(new URL("./index.ts", import.meta.url).href)};
      const logger = createLogger({ level: "info", format: "${format}" });
      for (let i = 1; i <= 500; i++) logger.info({ filler: "x".repeat(50) }, "line " + i + " of 500");
      process.exit(3);`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    const [output, [code]] = await Promise.all([text(child.stderr), once(child, "exit")]);
    assert.equal(code, 3);
    assert.equal(output.trimEnd().split("\n").length, 500);
    assert.match(output, /line 500 of 500/);
  });
}

test("the last line before an exit that waits for no thread is not lost while threads are held", async () => {
  await using directory = await tempDir();
  const fifo = join(directory.path, "fifo");
  await promisify(execFile)("mkfifo", [fifo]);
  const url = (path: string) => JSON.stringify(new URL(path, import.meta.url).href);
  const script = `
    import { open } from "node:fs";
    import { createLogger } from ${url("./index.ts")};
    import { exitAtOnce } from ${url("../linux/index.ts")};
    open(${JSON.stringify(fifo)}, "r", () => undefined);
    createLogger({ level: "info", format: "json" }).fatal("the last words");
    process.once("exit", exitAtOnce);
    process.exit(70);`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["ignore", "ignore", "pipe"],
    env: { ...process.env, UV_THREADPOOL_SIZE: "1" },
  });
  const [output, [code]] = await Promise.all([text(child.stderr), once(child, "exit")]);
  assert.equal(code, 70);
  assert.match(output, /the last words/);
});

test("a destination that has written all holds nothing of the process", async () => {
  await using directory = await tempDir();
  await using file = await open(join(directory.path, "log"), "w");
  const before = process.listenerCount("exit");
  for (let i = 1; i <= 5; i++) new DescriptorDestination(file.fd).write(`line ${i}\n`);
  await until(() => process.listenerCount("exit") === before);
  assert.equal((await file.stat()).size, 35);
});

test("a full disk costs the lines that do not fit, and no other", async () => {
  await using disk = await smallDisk(1 << 20);
  await using file = await open(join(disk.path, "log"), "a+");
  const before = process.listenerCount("exit");
  const allTried = () => until(() => process.listenerCount("exit") === before);
  const destination = new DescriptorDestination(file.fd);
  const line = (name: string, bytes: number) => `${JSON.stringify({ name, filler: "x".repeat(bytes) })}\n`;
  destination.write(line("before", 10));
  await allTried();
  await disk.fill();
  // A part of it fits: what is left of the file's last page.
  destination.write(line("too long", 10_000));
  destination.write(line("lost", 10));
  await allTried();
  assert.equal((await file.stat()).size, 4096);
  await disk.free();
  destination.write(line("after", 10));
  destination.write(line("last", 10));
  await allTried();
  const lines = (await readFile(join(disk.path, "log"), "utf8")).trimEnd().split("\n");
  assert.deepEqual(
    lines.map((each) => (each.endsWith("}") ? JSON.parse(each).name : "cut")),
    ["before", "cut", "after", "last"],
  );
});

test("a reader of standard error that goes away does not end the process", async () => {
  const script = `
    import { createLogger } from ${JSON.stringify(new URL("./index.ts", import.meta.url).href)};
    const logger = createLogger({ level: "info", format: "json" });
    process.stdin.on("data", () => { for (let i = 0; i < 100; i++) logger.info("nobody reads this"); });
    process.stdin.on("end", () => process.exit(7));
    console.log("ready");`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["pipe", "pipe", "pipe"],
  });
  await once(child.stdout, "data");
  child.stderr.destroy();
  child.stdin.write("log\n");
  child.stdin.end("log\n");
  const [code] = await once(child, "exit");
  assert.equal(code, 7);
});
