import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { createLogger } from "../../../ground/logging/index.ts";
import { Retries } from "./retries.ts";

const logger = createLogger({ level: "silent", format: "json" });

test("an end that cannot be written down is written down once that works, and then no more", async () => {
  using retries = new Retries(logger, 1);
  const done = Promise.withResolvers<void>();
  let tries = 0;
  void retries.run("recording an end", {}, async () => {
    if (++tries < 3) throw new Error("no room");
    done.resolve();
  });
  // What waits does not keep a process alive.
  const alive = setInterval(() => undefined, 1000);
  await done.promise;
  clearInterval(alive);
  await sleep(20);
  assert.equal(tries, 3);
});

test("what waits for its next try is given up with the daemon", async () => {
  let tries = 0;
  const retries = new Retries(logger, 5);
  const failed = Promise.withResolvers<void>();
  void retries.run("recording an end", {}, async () => {
    tries++;
    failed.resolve();
    throw new Error("no room");
  });
  await failed.promise;
  retries[Symbol.dispose]();
  await sleep(30);
  assert.equal(tries, 1);
});
