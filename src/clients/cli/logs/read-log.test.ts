import assert from "node:assert/strict";
import { appendFile, rename, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { tempDir } from "../../../testing/temp-dir.ts";
import { until } from "../../../testing/until.ts";
import { captured } from "../testing/captured-io.ts";
import { LogPrinter } from "./log-printer.ts";
import { type ReadLogOptions, readLog } from "./read-log.ts";

const time = "2026-03-01T08:00:00.000000000Z";

function line(text: string, tag = "F", stream = "stdout"): string {
  return `${time} ${stream} ${tag} ${text}\n`;
}

function lines(from: number, to: number): string {
  return Array.from({ length: to - from }, (_, index) => line(`line ${from + index}`)).join("");
}

async function logFile(text: string) {
  const dir = await tempDir();
  const path = join(dir.path, "0.log");
  await writeFile(path, text);
  return { path, [Symbol.asyncDispose]: () => dir[Symbol.asyncDispose]() };
}

/** Reads into a text that can be looked at meanwhile. */
function reading(path: string, options: ReadLogOptions) {
  const [stdout, stderr] = [captured(), captured()];
  const printer = new LogPrinter({ stdout, stderr, stdin: process.stdin, env: {} });
  const done = (async () => {
    for await (const batch of readLog(path, options)) await printer.print(batch);
  })();
  return { done, stdout: () => stdout.text(), stderr: () => stderr.text() };
}

async function readAll(path: string, options: ReadLogOptions = {}): Promise<string> {
  const log = reading(path, options);
  await log.done;
  return log.stdout();
}

test("the output of each stream goes to that stream", async () => {
  await using log = await logFile(line("out") + line("err", "F", "stderr") + line("more"));
  const read = reading(log.path, {});
  await read.done;
  assert.equal(read.stdout(), "out\nmore\n");
  assert.equal(read.stderr(), "err\n");
});

test("partial lines are joined, even if the other stream writes between them", async () => {
  await using log = await logFile(line("one ", "P") + line("err", "F", "stderr") + line("line"));
  assert.equal(await readAll(log.path), "one line\n");
});

test("a line that the writer did not finish is shown", async () => {
  await using log = await logFile(line("whole") + line("cut").trimEnd());
  assert.equal(await readAll(log.path), "whole\ncut\n");
});

test("a line that is not in CRI format is shown as it is", async () => {
  await using log = await logFile("damaged\n");
  assert.equal(await readAll(log.path), "damaged\n");
});

test("the tail is the last lines, even in a large log", async () => {
  await using log = await logFile(lines(0, 10_000));
  assert.equal(await readAll(log.path, { tail: 2 }), "line 9998\nline 9999\n");
  assert.equal(await readAll(log.path, { tail: 0 }), "");
  assert.equal((await readAll(log.path, { tail: 20_000 })).split("\n").length, 10_001);
});

test("a tail of all lines is the whole log", async () => {
  await using log = await logFile(lines(0, 3));
  assert.equal(await readAll(log.path, { tail: 3 }), "line 0\nline 1\nline 2\n");
  assert.equal(await readAll(log.path, { tail: 2 }), "line 1\nline 2\n");
});

test("a tail counts partial lines together with the one that ends them", async () => {
  await using log = await logFile(line("first") + line("a", "P") + line("b", "P") + line("c") + line("last"));
  assert.equal(await readAll(log.path, { tail: 2 }), "abc\nlast\n");
});

test("following shows new lines until the end", async () => {
  await using log = await logFile(line("before"));
  const end = Promise.withResolvers<void>();
  const read = reading(log.path, { until: end.promise });
  await until(() => read.stdout() === "before\n");
  await appendFile(log.path, line("after"));
  await until(() => read.stdout() === "before\nafter\n");
  await appendFile(log.path, line("last"));
  end.resolve();
  await read.done;
  assert.equal(read.stdout(), "before\nafter\nlast\n");
});

test("following a line that arrives in two pieces waits for the second", async () => {
  await using log = await logFile("");
  const end = Promise.withResolvers<void>();
  const read = reading(log.path, { until: end.promise });
  await appendFile(log.path, `${time} stdout F hal`);
  await appendFile(log.path, "f\n");
  end.resolve();
  await read.done;
  assert.equal(read.stdout(), "half\n");
});

test("following loses nothing across rotations", async () => {
  await using log = await logFile(lines(0, 10));
  const end = Promise.withResolvers<void>();
  const read = reading(log.path, { until: end.promise });
  await until(() => read.stdout().endsWith("line 9\n"));
  for (let rotation = 1; rotation <= 3; rotation++) {
    await rename(log.path, `${log.path}.${rotation}`);
    await appendFile(`${log.path}.${rotation}`, lines(rotation * 100, rotation * 100 + 10));
    await writeFile(log.path, lines(rotation * 100 + 10, rotation * 100 + 20));
    const last = `line ${rotation * 100 + 19}\n`;
    await until(() => read.stdout().endsWith(last));
  }
  end.resolve();
  await read.done;
  assert.equal(read.stdout().split("\n").length, 10 + 3 * 20 + 1);
});

test("following loses nothing of a writer that keeps using the old log after the new one has its name", async () => {
  await using log = await logFile(line("first"));
  const end = Promise.withResolvers<void>();
  const read = reading(log.path, { until: end.promise });
  await until(() => read.stdout() === "first\n");
  for (const name of ["second", "third"]) {
    const old = `${log.path}.${name}`;
    await rename(log.path, old);
    await writeFile(log.path, "");
    await appendFile(old, line(`${name} begins`));
    // Read from the old one while the new one is there already.
    await until(() => read.stdout().endsWith(`${name} begins\n`));
    await appendFile(old, line(`${name} goes on`));
    await appendFile(log.path, line(name));
    await until(() => read.stdout().endsWith(`${name} goes on\n${name}\n`));
  }
  await rename(log.path, `${log.path}.last`);
  await writeFile(log.path, "");
  await appendFile(`${log.path}.last`, line("last"));
  end.resolve();
  await read.done;
  assert.match(read.stdout(), /third\nlast\n$/);
});

test("following restarts at the beginning of a truncated log", async () => {
  await using log = await logFile(lines(0, 10));
  const end = Promise.withResolvers<void>();
  const read = reading(log.path, { until: end.promise });
  await until(() => read.stdout().endsWith("line 9\n"));
  await truncate(log.path);
  await appendFile(log.path, line("anew"));
  await until(() => read.stdout().endsWith("line 9\nanew\n"));
  end.resolve();
  await read.done;
});

test("following ends with the error of the promise that it waits for", async () => {
  await using log = await logFile(line("text"));
  const end = Promise.withResolvers<void>();
  const read = reading(log.path, { until: end.promise });
  await until(() => read.stdout() === "text\n");
  end.reject(new Error("connection lost"));
  await assert.rejects(read.done, /connection lost/);
  assert.equal(read.stdout(), "text\n");
});

test("a missing log is reported with its path", async () => {
  await assert.rejects(readAll("/nonexistent/0.log"), { code: "NotFound", message: /\/nonexistent\/0\.log/ });
});

test("a reader of old logs begins with one that was renamed before, even if there is no new one yet", async () => {
  await using log = await logFile(line("first"));
  await rename(log.path, `${log.path}.1`);
  const ended = Promise.withResolvers<void>();
  const read = reading(log.path, { until: ended.promise, takesOld: { onLoss: async () => {} } });
  await until(() => read.stdout() === "first\n");
  await writeFile(log.path, line("second"));
  await until(() => read.stdout() === "first\nsecond\n");
  ended.resolve();
  await read.done;
});
