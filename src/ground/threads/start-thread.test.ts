import assert from "node:assert/strict";
import { once } from "node:events";
import { glob, readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { endThread, startThread, threadFile } from "./index.ts";

test("a thread that is ended while it is being loaded is loaded first", async () => {
  const states = new Int32Array(new SharedArrayBuffer(8));
  const file = threadFile(import.meta.url, "./testing/slow-thread");
  const worker = startThread(file, { name: "slow", workerData: states });
  const exited = once(worker, "exit");
  await once(worker, "online");
  const ended = endThread(worker);
  Atomics.store(states, 0, 1);
  Atomics.notify(states, 0);
  await Promise.all([ended, exited]);
  assert.equal(states[1], 1);
});

test("the file of each thread says that it is loaded, by itself or by serveJobs", async () => {
  const source = join(import.meta.dirname, "../..");
  const silent: string[] = [];
  for await (const file of glob("**/*-worker.ts", { cwd: source }))
    if (!/^\s*(?:threadIsLoaded\(\)|serveJobs\b)/m.test(await readFile(join(source, file), "utf8")))
      silent.push(file);
  assert.deepEqual(silent, []);
});
