import assert from "node:assert/strict";
import { test } from "node:test";
import { type LayerSync, LayerSyncs } from "./layer-syncs.ts";

const many = 100 * 1024 * 1024;

/** Syncs that end when they are told to; `opened` is how often the file system is open. */
function heldSyncs() {
  const running: PromiseWithResolvers<void>[] = [];
  const fileSystems = { opened: 0 };
  const layers = new LayerSyncs("/", async () => {
    fileSystems.opened++;
    return {
      sync: async () => {
        const run = Promise.withResolvers<void>();
        running.push(run);
        await run.promise;
      },
      [Symbol.asyncDispose]: async () => void fileSystems.opened--,
    };
  });
  return { running, layers, fileSystems };
}

const turn = () => new Promise(setImmediate);

test("data of all layers is synced while more arrives, with one sync at a time", async () => {
  const { running, layers } = heldSyncs();
  await using one = await layers.open();
  await using other = await layers.open();
  one.received(1);
  await turn();
  assert.equal(running.length, 0);
  other.received(many);
  one.received(many);
  await turn();
  assert.equal(running.length, 1);
});

test("the last sync starts after the writes that it must cover, and serves all that wait", async () => {
  const { running, layers } = heldSyncs();
  await using one = await layers.open();
  await using other = await layers.open();
  one.received(many);
  const last = Promise.all([one.run(), other.run()]);
  await turn();
  running[0]?.resolve();
  await turn();
  assert.equal(running.length, 2);
  running[1]?.resolve();
  await last;
});

test("a failed write fails every layer that was open, whichever sync reported it", async () => {
  const { running, layers } = heldSyncs();
  await using one = await layers.open();
  await using other = await layers.open();
  one.received(many);
  await turn();
  running[0]?.reject(new Error("EIO"));
  await turn();
  await using later = await layers.open();
  const finish = async (layer: LayerSync) => {
    const end = layer.run();
    await turn();
    running.at(-1)?.resolve();
    await end;
  };
  await assert.rejects(finish(one), { message: "EIO" });
  await assert.rejects(finish(other), { message: "EIO" });
  await finish(later);
  assert.deepEqual(
    [one, other, later].map(({ hasFailed }) => hasFailed),
    [true, true, false],
  );
});

test("the file system stays open from before the first layer until the last one and its syncs are over, so that no error is missed", async () => {
  const { running, layers, fileSystems } = heldSyncs();
  const one = await layers.open();
  const other = await layers.open();
  assert.equal(fileSystems.opened, 1);
  await one[Symbol.asyncDispose]();
  other.received(many);
  await turn();
  await other[Symbol.asyncDispose]();
  assert.equal(fileSystems.opened, 1);
  running[0]?.resolve();
  await turn();
  assert.equal(fileSystems.opened, 0);
});
