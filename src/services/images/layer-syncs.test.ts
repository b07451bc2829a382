import assert from "node:assert/strict";
import { test } from "node:test";
import { type LayerSync, LayerSyncs } from "./layer-syncs.ts";

const many = 100 * 1024 * 1024;

/** Syncs that end when they are told to. */
function heldSyncs() {
  const running: PromiseWithResolvers<void>[] = [];
  const layers = new LayerSyncs("/", async () => {
    const run = Promise.withResolvers<void>();
    running.push(run);
    await run.promise;
  });
  return { running, layers };
}

test("what comes of all layers is synced while more comes, by one sync at a time", () => {
  const { running, layers } = heldSyncs();
  using one = layers.open();
  using other = layers.open();
  one.received(1);
  assert.equal(running.length, 0);
  other.received(many);
  one.received(many);
  assert.equal(running.length, 1);
});

test("the last sync begins after what it is to wait for, and serves all that wait", async () => {
  const { running, layers } = heldSyncs();
  using one = layers.open();
  using other = layers.open();
  one.received(many);
  const last = Promise.all([one.run(), other.run()]);
  running[0]?.resolve();
  await new Promise(setImmediate);
  assert.equal(running.length, 2);
  running[1]?.resolve();
  await last;
});

test("what the disk could not write fails every layer that was open, whichever sync was told of it", async () => {
  const { running, layers } = heldSyncs();
  using one = layers.open();
  using other = layers.open();
  one.received(many);
  running[0]?.reject(new Error("EIO"));
  await new Promise(setImmediate);
  using later = layers.open();
  const finish = async (layer: LayerSync) => {
    const end = layer.run();
    running.at(-1)?.resolve();
    await end;
  };
  await assert.rejects(finish(one), { message: "EIO" });
  await assert.rejects(finish(other), { message: "EIO" });
  await finish(later);
});
