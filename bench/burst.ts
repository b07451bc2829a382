/**
 * Many pods at once: how many are created and removed in a second, and the CPU time of each, of the daemon
 * and everything that it starts (except for the containers' own processes). berth and containerd alternate.
 * `npm run bench -- burst [PODS] [IN-FLIGHT] [ROUNDS] [--json]`
 */
import { asJson, numbers } from "./arguments.ts";
import { CpuGroup } from "./cpu-group.ts";
import { inFlight, type MadePod, makePod, removePod } from "./pod-rounds.ts";
import { RuntimePair, type Subject } from "./runtime-pair.ts";
import { median } from "./statistics.ts";

const [pods = 100, limit = 10, rounds = 3] = numbers;

type Burst = {
  readonly madePerSecond: number;
  readonly makingCpuMs: number;
  readonly removedPerSecond: number;
  readonly removalCpuMs: number;
};

await using pair = await RuntimePair.start();
const bursts: Record<Subject["name"], Burst[]> = { berth: [], containerd: [] };
{
  await using groups = new AsyncDisposableStack();
  const cpu = new Map<Subject, CpuGroup>();
  for (const subject of pair.subjects) cpu.set(subject, groups.use(await CpuGroup.of(subject.pid)));
  // One pod first, so that one-time loading is not counted.
  for (const subject of pair.subjects)
    await removePod(subject, (await makePod(subject, pair.image, "first")).pod);
  for (let round = 0; round < rounds; round++) {
    for (const [subject, group] of cpu) bursts[subject.name].push(await burst(subject, group, round));
  }
}

const figures = Object.entries(bursts).map(([name, list]) => ({
  name,
  madePerSecond: middle(list, "madePerSecond"),
  makingCpuMs: middle(list, "makingCpuMs"),
  removedPerSecond: middle(list, "removedPerSecond"),
  removalCpuMs: middle(list, "removalCpuMs"),
}));
if (asJson) console.log(JSON.stringify({ pods, inFlight: limit, rounds, figures }, undefined, 2));
else {
  console.log(`| ${pods} pods, ${limit} at a time | made/s | CPU of each | removed/s | CPU of each |`);
  console.log("|---|---|---|---|---|");
  for (const { name, madePerSecond, makingCpuMs, removedPerSecond, removalCpuMs } of figures)
    console.log(
      `| ${name} | ${madePerSecond} | ${makingCpuMs} ms | ${removedPerSecond} | ${removalCpuMs} ms |`,
    );
}

async function burst(subject: Subject, cpu: CpuGroup, round: number): Promise<Burst> {
  const made: MadePod[] = [];
  const names = Array.from({ length: pods }, (_, index) => `${subject.name}-${round}-${index}`);
  const making = await counted(cpu, () =>
    inFlight(names, limit, async (name) => {
      made.push((await makePod(subject, pair.image, name)).pod);
    }),
  );
  const removal = await counted(cpu, () => inFlight(made, limit, (pod) => removePod(subject, pod)));
  return {
    madePerSecond: making.perSecond,
    makingCpuMs: making.cpuMs,
    removedPerSecond: removal.perSecond,
    removalCpuMs: removal.cpuMs,
  };
}

async function counted(cpu: CpuGroup, work: () => Promise<void>) {
  const [startedAt, before] = [performance.now(), await cpu.usedMs()];
  await work();
  const seconds = (performance.now() - startedAt) / 1000;
  return { perSecond: pods / seconds, cpuMs: ((await cpu.usedMs()) - before) / pods };
}

function middle(list: readonly Burst[], key: keyof Burst): number {
  return Math.round(median(list.map((each) => each[key])) * 10) / 10;
}
