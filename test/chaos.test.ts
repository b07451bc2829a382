import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { describe, it } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { RemoveImageRequest } from "../src/ground/protocol/index.ts";
import { pushImage } from "../src/testing/registry.ts";
import { busyboxImage, startBusyboxRegistry } from "./support/busybox.ts";
import { ImageKeeper } from "./support/chaos/image-keeper.ts";
import { Killer } from "./support/chaos/killer.ts";
import { PodKeeper } from "./support/chaos/pod-keeper.ts";
import { Random } from "./support/chaos/random.ts";
import { report } from "./support/chaos/report.ts";
import { eventually } from "./support/condition.ts";
import { CrashingBerth } from "./support/crashing-berth.ts";
import { testEngine } from "./support/engine.ts";
import { testHandler } from "./support/handler.ts";

/**
 * `npm run test:chaos -- --seed N --minutes M --engine native|docker`. The seed determines what is done and
 * when; how far the machine is by then is not determined.
 */
const seed = Number(process.env.BERTH_CHAOS_SEED ?? randomInt(2 ** 31));
const durationMs = Number(process.env.BERTH_CHAOS_MINUTES ?? 1) * 60_000;
const podKeepers = 3;
/** A killed OCI runtime may leave a child for whose message its monitor waits. */
const config = `[runtime]\ndefault_handler = ${JSON.stringify(testHandler)}\ncreate_timeout = "20s"\n`;
/** By the seed, containers go on without Docker, or end with it. */
const docker = { liveRestore: seed % 2 === 0 };

/** Longer than any call may take: the timeout of a plugin, that of a creation, and waiting for each other. */
const longestCallMs = 240_000;

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
    const words = `--seed ${seed} --minutes ${durationMs / 60_000} --engine ${testEngine}`;
    console.log(`seed ${seed}: npm run test:chaos -- ${words}`);
    const random = new Random(seed);
    await using registry = await startBusyboxRegistry();
    await pushImage(
      registry,
      "other",
      "latest",
      await busyboxImage({ layers: [[{ name: "other", content: "other" }]] }),
    );
    await using host = await CrashingBerth.start({ built: true, config, docker });
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
    const killer = new Killer(host, docker);
    try {
      await disturb(killer, keepers, random);
      await removeAll(host, other);
      await host.returnsTo(clean);
    } catch (error) {
      console.log(await report(host, error, killer.kills));
      throw error;
    }
  });
});

/**
 * Kills something, again and again, for the given time; after each kill, everything that was answered must be
 * true. Some calls must have been answered meanwhile: a daemon that rejects everything loses nothing either.
 */
async function disturb(
  killer: Killer,
  keepers: readonly (PodKeeper | ImageKeeper)[],
  random: Random,
): Promise<void> {
  const answeredBefore = keepers.map((keeper) => keeper.answered);
  const step = () => answered(Promise.all(keepers.map((keeper) => keeper.step().catch(() => undefined))));
  const end = performance.now() + durationMs;
  while (performance.now() < end) {
    // The number of helpers must not influence the next round.
    const round = await killer.round(new Random(random.below(2 ** 31)), step);
    for (const keeper of keepers) await keeper.audit(round);
  }
  const answers = keepers.map((keeper, index) => keeper.answered - (answeredBefore[index] ?? 0));
  for (const Keeper of [PodKeeper, ImageKeeper])
    assert.ok(
      answers.some((count, index) => count > 0 && keepers[index] instanceof Keeper),
      `calls answered between the kills, by keeper: ${answers.join(", ")}`,
    );
  const calls = answers.reduce((sum, count) => sum + count, 0);
  console.log(`kills: ${killer.summary()}; ${calls} calls answered`);
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
