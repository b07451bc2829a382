/**
 * How the figures grow with the number of existing pods: creation and removal of one more pod, the lists, and
 * memory, with 10, 50, 100 and more pods. berth and containerd one after the other, since the pods of both
 * together would measure the machine. `npm run bench -- scale [PODS...] [--json] [--svg DIRECTORY]`
 */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { asJson, numbers, option } from "./arguments.ts";
import { CpuGroup } from "./cpu-group.ts";
import { othersMib, pssMib } from "./memory-use.ts";
import { lineChart } from "./plot.ts";
import { inFlight, type MadePod, makePod, removePod } from "./pod-rounds.ts";
import { RuntimePair, type Subject } from "./runtime-pair.ts";
import { median, percentile, timed } from "./statistics.ts";

const counts = numbers.length === 0 ? [10, 50, 100, 250, 500] : numbers;
const [measured, lists, together] = [20, 50, 5];

const quantities = {
  madeP50: ["A pod to running, p50", "ms"],
  madeP99: ["A pod to running, p99", "ms"],
  runP50: ["RunPodSandbox, p50", "ms"],
  removedP50: ["Stop and remove, p50", "ms"],
  removedP99: ["Stop and remove, p99", "ms"],
  cpuMs: ["CPU time of a pod made and removed", "ms"],
  listP50: ["ListContainers, p50", "ms"],
  listP99: ["ListContainers, p99", "ms"],
  daemonMib: ["Memory of the daemon", "MiB"],
  othersMib: ["Memory of monitors or shims", "MiB"],
} as const;
type Figures = Record<keyof typeof quantities, number>;

await using pair = await RuntimePair.start();
const figures: { readonly name: Subject["name"]; readonly rows: readonly Figures[] }[] = [];
for (const subject of pair.subjects)
  figures.push({ name: subject.name, rows: await growth(subject, await CpuGroup.of(subject.pid)) });

const directory = option("svg");
if (directory !== undefined) await draw(directory);
if (asJson) console.log(JSON.stringify({ counts, figures }, undefined, 2));
else print();

async function growth(subject: Subject, cpu: CpuGroup): Promise<readonly Figures[]> {
  await using _cpu = cpu;
  const pods: MadePod[] = [];
  const rows: Figures[] = [];
  for (const count of counts) {
    const missing = Array.from({ length: count - pods.length }, (_, index) => pods.length + index);
    await inFlight(missing, together, async (index) => {
      pods.push((await makePod(subject, pair.image, `${subject.name}-${index}`)).pod);
    });
    rows.push(await measure(subject, cpu, count));
  }
  await inFlight(pods, together, (pod) => removePod(subject, pod));
  return rows;
}

async function measure(subject: Subject, cpu: CpuGroup, count: number): Promise<Figures> {
  const { runtime } = subject.clients;
  const [made, ran, removed, listed]: [number[], number[], number[], number[]] = [[], [], [], []];
  const before = await cpu.usedMs();
  for (let round = 0; round < measured; round++) {
    const { pod, times } = await makePod(subject, pair.image, `${subject.name}-${count}-more-${round}`);
    ran.push(times.run);
    made.push(times.run + times.create + times.start);
    removed.push((await timed(() => removePod(subject, pod))).ms);
  }
  const cpuMs = ((await cpu.usedMs()) - before) / measured;
  for (let round = 0; round < lists; round++)
    listed.push((await timed(() => runtime.listContainers({ filter: undefined }))).ms);
  return {
    madeP50: median(made),
    madeP99: percentile(made, 0.99),
    runP50: median(ran),
    removedP50: median(removed),
    removedP99: percentile(removed, 0.99),
    cpuMs,
    listP50: median(listed),
    listP99: percentile(listed, 0.99),
    daemonMib: await pssMib(subject.pid),
    othersMib: await othersMib(subject.directory, subject.pid),
  };
}

async function draw(into: string): Promise<void> {
  await mkdir(into, { recursive: true });
  for (const key of Object.keys(quantities) as (keyof Figures)[]) {
    const [title, unit] = quantities[key];
    const series = figures.map(({ name, rows }) => ({ name, values: rows.map((row) => row[key]) }));
    const x = { label: "pods that are there", values: counts };
    await writeFile(join(into, `scale-${key}.svg`), lineChart({ title, unit, x, series }));
  }
}

function print(): void {
  console.log(`| pods there | | ${counts.join(" | ")} |\n|---|---|${counts.map(() => "---|").join("")}`);
  for (const key of Object.keys(quantities) as (keyof Figures)[]) {
    const [title, unit] = quantities[key];
    for (const { name, rows } of figures)
      console.log(`| ${title} (${unit}) | ${name} | ${rows.map((row) => row[key].toFixed(1)).join(" | ")} |`);
  }
}
