import assert from "node:assert/strict";
import { test } from "node:test";
import { createLogger } from "../../ground/logging/index.ts";
import { until } from "../../testing/until.ts";
import { SnapshotError, UsageMeter } from "./index.ts";

const logger = createLogger({ level: "silent", format: "json" });

/** Counts walks. */
class Walks {
  count = 0;
  size = 1;
  /** What a walk waits for. */
  gate: Promise<void> = Promise.resolve();

  stat(): undefined {
    return undefined;
  }

  async usage(key: string) {
    this.count++;
    await this.gate;
    if (key === "gone") throw new SnapshotError("NotFound", "snapshot gone does not exist");
    return { sizeBytes: this.size, inodes: 1 };
  }
}

const keys = Array.from({ length: 200 }, (_, index) => `container-${index}`);

test("a hundred questions about 200 snapshots cost one walk of each", async () => {
  const walks = new Walks();
  const meter = new UsageMeter(walks, { periodMs: 3_600_000, logger });
  assert.equal((await meter.usages(keys)).size, 200);
  for (let round = 0; round < 100; round++) await meter.usages(keys);
  assert.equal(walks.count, 200);
});

test("an old figure is given at once, and a new one made for the next question", async () => {
  const walks = new Walks();
  const meter = new UsageMeter(walks, { periodMs: 0, logger });
  const first = (await meter.usages(["c"])).get("c");
  assert.equal(first?.sizeBytes, 1);
  walks.size = 2;
  const { promise, resolve } = Promise.withResolvers<void>();
  walks.gate = promise;
  await until(async () => {
    await meter.usages(["c"]);
    return walks.count === 2;
  });
  assert.deepEqual((await meter.usages(["c"])).get("c"), first, "no question waits for the walk");
  assert.equal(walks.count, 2, "nor starts a second one");
  resolve();
  await until(async () => (await meter.usages(["c"])).get("c")?.sizeBytes === 2);
});

test("a first figure that takes too long is left out, and there later", async () => {
  const walks = new Walks();
  const { promise, resolve } = Promise.withResolvers<void>();
  walks.gate = promise;
  const meter = new UsageMeter(walks, { periodMs: 3_600_000, logger });
  assert.equal((await meter.usages(["c"])).size, 0);
  resolve();
  await until(async () => (await meter.usages(["c"])).size === 1);
  assert.equal(walks.count, 1);
});

test("a snapshot that is gone has no figure", async () => {
  const meter = new UsageMeter(new Walks(), { periodMs: 0, logger });
  assert.deepEqual([...(await meter.usages(["gone", "there"])).keys()], ["there"]);
});

test("what has shown no sign of life since its last walk is not walked again", async () => {
  const walks = new Walks();
  const meter = new UsageMeter(walks, { periodMs: 0, logger });
  let sign: unknown = 5n;
  meter.follow(() => new Map([["c", sign]]));
  const ask = () => meter.usages(["c"]);
  for (let round = 0; round < 10; round++) await ask();
  assert.equal(walks.count, 1);
  walks.size = 2;
  sign = 6n;
  await until(async () => (await ask()).get("c")?.sizeBytes === 2);
  assert.equal(walks.count, 2);
  sign = undefined;
  await until(async () => {
    await ask();
    return walks.count > 2;
  });
});

test("what has shown no sign of life is walked after ten minutes all the same", async (t) => {
  const walks = new Walks();
  const meter = new UsageMeter(walks, { periodMs: 0, logger });
  meter.follow(() => new Map([["c", "ended"]]));
  await meter.usages(["c"]);
  walks.size = 2;
  const now = performance.now();
  t.mock.method(performance, "now", () => now + 601_000);
  await until(async () => (await meter.usages(["c"])).get("c")?.sizeBytes === 2);
});

test("figures are made anew whatever becomes of the clock", async (t) => {
  const walks = new Walks();
  const meter = new UsageMeter(walks, { periodMs: 0, logger });
  await meter.usages(["c"]);
  t.mock.timers.enable({ apis: ["Date"], now: Date.now() - 86_400_000 });
  walks.size = 2;
  await until(async () => (await meter.usages(["c"])).get("c")?.sizeBytes === 2);
});
