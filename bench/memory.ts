/**
 * The memory of pods without their own processes: the daemon and what it keeps running for each pod (conmon;
 * shim), as proportional set size, with one pod and with more, immediately and after a minute and a half of
 * idling. `npm run bench -- memory [PODS]`
 */
import { setTimeout as delay } from "node:timers/promises";
import { othersMib, pssMib } from "./memory-use.ts";
import { RuntimePair, runPod } from "./runtime-pair.ts";

const pods = Number(process.argv[2] ?? 30);
const restMs = 90_000;

await using pair = await RuntimePair.start();
// One pod first, so that one-time loading is not counted as a pod's.
await runMore(0, 1);
const one = await measured();
await runMore(1, pods);
const more = await measured();
for (const [index, { name }] of pair.subjects.entries()) {
  const [before, after] = [one[index], more[index]];
  if (before === undefined || after === undefined) continue;
  const told = ({ busy, rested }: typeof before) =>
    `${busy.toFixed(0)} MiB, at rest ${rested.toFixed(0)} MiB`;
  const perPod = (after.others - before.others) / pods;
  console.log(
    `${name}: daemon ${told(before)}; with ${pods} more pods ${told(after)}; ` +
      `beside it ${perPod.toFixed(2)} MiB for each pod`,
  );
}

async function runMore(first: number, count: number): Promise<void> {
  for (const subject of pair.subjects) {
    for (let index = first; index < first + count; index++)
      await runPod(subject, pair.image, `${subject.name}-${index}`, "exec sleep 100000");
  }
}

async function measured() {
  const busy = await Promise.all(pair.subjects.map(({ pid }) => pssMib(pid)));
  await delay(restMs);
  return await Promise.all(
    pair.subjects.map(async ({ pid, directory }, index) => ({
      busy: busy[index] ?? 0,
      rested: await pssMib(pid),
      others: await othersMib(directory, pid),
    })),
  );
}
