import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { describe, it } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { RemoveImageRequest } from "../src/ground/protocol/index.ts";
import { pushImage } from "../src/testing/registry.ts";
import { busyboxImage, startBusyboxRegistry } from "./support/busybox.ts";
import { Helpers } from "./support/chaos/helpers.ts";
import { ImageKeeper } from "./support/chaos/image-keeper.ts";
import { PodKeeper } from "./support/chaos/pod-keeper.ts";
import { Random } from "./support/chaos/random.ts";
import { report } from "./support/chaos/report.ts";
import { eventually } from "./support/condition.ts";
import { CrashingBerth } from "./support/crashing-berth.ts";
import { testHandler } from "./support/handler.ts";

/**
 * `npm run test:chaos -- --seed N --minutes M`. The seed determines what is done and when; how far the
 * machine is by then is not determined.
 */
const seed = Number(process.env.BERTH_CHAOS_SEED ?? randomInt(2 ** 31));
const durationMs = Number(process.env.BERTH_CHAOS_MINUTES ?? 1) * 60_000;
const podKeepers = 3;
/** A killed OCI runtime may leave a child for whose message its monitor waits. */
const config = `[runtime]\ndefault_handler = ${JSON.stringify(testHandler)}\ncreate_timeout = "20s"\n`;
const longestWaitMs = 400;
/** One of this many helpers is killed. */
const helpersForOneKill = 3;

/** Longer than any call may take: the timeout of a plugin, that of a creation, and waiting for each other. */
const longestCallMs = 240_000;

/** Kills some of the daemon's helpers that appear during the calls; returns which, and when. */
async function killHelpers(
  helpers: Helpers,
  random: Random,
  calls: Promise<unknown>,
): Promise<readonly string[]> {
  const killed: string[] = [];
  let underWay = true;
  const end = () => {
    underWay = false;
  };
  void calls.then(end, end);
  for (; underWay; await delay(1)) {
    for (const { pid, what } of helpers.come())
      if (random.below(helpersForOneKill) === 0 && kill(pid))
        killed.push(`${new Date().toISOString()} ${what}`);
  }
  return killed;
}

function kill(pid: number): boolean {
  try {
    return process.kill(pid, "SIGKILL");
  } catch {
    // It has ended in the meantime.
    return false;
  }
}

/** Fails if some calls are not answered, with or without an error, in the longest time that they may take. */
async function answered(calls: Promise<unknown>): Promise<void> {
  const late = new AbortController();
  const tooLate = delay(longestCallMs, undefined, { signal: late.signal }).then(() => {
    throw new Error(`a call was not answered in ${longestCallMs / 1000} s`);
  });
  await Promise.race([calls, tooLate]).finally(() => late.abort());
}

describe("random kills of the daemon and its helpers", () => {
  it("lose nothing that was answered, and leave nothing behind", {
    timeout: durationMs + 540_000,
  }, async () => {
    console.log(`seed ${seed}: npm run test:chaos -- --seed ${seed} --minutes ${durationMs / 60_000}`);
    const random = new Random(seed);
    await using registry = await startBusyboxRegistry();
    await pushImage(
      registry,
      "other",
      "latest",
      await busyboxImage({ layers: [[{ name: "other", content: "other" }]] }),
    );
    await using host = await CrashingBerth.start({ built: true, config });
    const { berth } = host;
    await berth.pull(registry.image);
    const other = `${registry.host}/other:latest`;
    const keepers = [
      ...Array.from(
        { length: podKeepers },
        (_, i) => new PodKeeper(host, registry.image, `pod${i}`, new Random(seed + i + 1)),
      ),
      new ImageKeeper(berth, other),
    ];
    // The first round, without kills, creates what all pods share.
    for (let step = 0; step < 4; step++) await Promise.all(keepers.map((keeper) => keeper.step()));
    const clean = await host.traces();
    const kills: string[] = [];
    try {
      await disturb(host, keepers, random, kills);
      await removeAll(host, other);
      await host.returnsTo(clean);
    } catch (error) {
      console.log(await report(host, error, kills));
      throw error;
    }
  });
});

/**
 * Kills the daemon or a helper, again and again, for the given time; after each kill, everything that was
 * answered must be true. Some calls must have been answered meanwhile: a daemon that rejects everything loses
 * nothing either.
 */
async function disturb(
  { berth }: CrashingBerth,
  keepers: readonly (PodKeeper | ImageKeeper)[],
  random: Random,
  kills: string[],
): Promise<void> {
  const count = { daemon: 0, helper: 0 };
  const answeredBefore = keepers.map((keeper) => keeper.answered);
  const end = performance.now() + durationMs;
  while (performance.now() < end) {
    const helpers = new Helpers(berth);
    const calls = answered(Promise.all(keepers.map((keeper) => keeper.step().catch(() => undefined))));
    // The number of helpers must not influence the next round.
    const ofRound = new Random(random.below(2 ** 31));
    if (ofRound.below(2) === 0) {
      await delay(ofRound.below(longestWaitMs));
      kills.push(`${new Date().toISOString()} berthd`);
      await berth.stopDaemon("SIGKILL");
      count.daemon++;
      await calls;
      await berth.startDaemon();
    } else {
      const killed = await killHelpers(helpers, ofRound, calls);
      kills.push(...killed);
      count.helper += killed.length;
      await calls;
    }
    for (const keeper of keepers) await keeper.audit();
  }
  const answers = keepers.map((keeper, index) => keeper.answered - (answeredBefore[index] ?? 0));
  for (const Keeper of [PodKeeper, ImageKeeper])
    assert.ok(
      answers.some((count, index) => count > 0 && keepers[index] instanceof Keeper),
      `calls answered between the kills, by keeper: ${answers.join(", ")}`,
    );
  const calls = answers.reduce((sum, count) => sum + count, 0);
  console.log(`${count.daemon} kills of the daemon, ${count.helper} of helpers, ${calls} calls answered`);
}

/** Retries a removal that failed because of a killed helper, as kubelets do. */
async function removeAll({ berth }: CrashingBerth, image: string): Promise<void> {
  const { runtime, images } = berth.clients;
  await images.removeImage(RemoveImageRequest.fromPartial({ image: { image } }));
  await eventually("no pod is left", async () => {
    const { items } = await runtime.listPodSandbox({ filter: undefined });
    await Promise.all(
      items.map(({ id }) => runtime.removePodSandbox({ podSandboxId: id }).catch(() => undefined)),
    );
    return items.length === 0;
  });
}
