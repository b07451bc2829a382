/**
 * The cost of a kubelet's polling: the CPU time of only the daemon while a client polls like a kubelet
 * (ListPodSandbox and ListContainers every second, Status and Version every five, figures of containers every
 * ten), and how long the lists take. berth and containerd have the same pods and are polled alternately. `npm
 * run bench -- polling [PODS] [SECONDS] [--json]`
 */
import { setTimeout as delay } from "node:timers/promises";
import { cpuMs } from "./cpu-time.ts";
import { RuntimePair, runPod, type Subject } from "./runtime-pair.ts";
import { median, percentile, timed } from "./statistics.ts";

const [pods = 100, seconds = 60] = process.argv
  .slice(2)
  .filter((arg) => /^\d+$/.test(arg))
  .map(Number);
const asJson = process.argv.includes("--json");
const [rounds, warmUp] = [200, 50];

await using pair = await RuntimePair.start();
for (const subject of pair.subjects) {
  for (let index = 0; index < pods; index++)
    await runPod(subject, pair.image, `${subject.name}-${index}`, "exec sleep 100000");
}

const calls = {
  ListContainers: ({ clients: { runtime } }: Subject) => runtime.listContainers({ filter: undefined }),
  ListPodSandbox: ({ clients: { runtime } }: Subject) => runtime.listPodSandbox({ filter: undefined }),
  Status: ({ clients: { runtime } }: Subject) => runtime.status({ verbose: false }),
  Version: ({ clients: { runtime } }: Subject) => runtime.version({ version: "" }),
  ListContainerStats: ({ clients: { runtime } }: Subject) =>
    runtime.listContainerStats({ filter: undefined }),
};

const figures = new Map<string, number[]>();
await measureLatencies();
await measurePolling();
if (asJson)
  console.log(JSON.stringify({ pods, seconds, figures: Object.fromEntries(figures) }, undefined, 2));
else {
  console.log(`| ${pods} pods | berth | containerd | ratio |\n|---|---|---|---|`);
  for (const [what, [berth = 0, peer = 0]] of figures)
    console.log(
      `| ${what} | ${berth.toFixed(1)} ms | ${peer.toFixed(1)} ms | ${(berth / peer).toFixed(2)} |`,
    );
}

async function measureLatencies(): Promise<void> {
  for (const name of ["ListContainers", "ListPodSandbox", "Status", "Version"] as const) {
    const times = pair.subjects.map((): number[] => []);
    for (let round = 0; round < rounds + warmUp; round++) {
      for (const [index, subject] of pair.subjects.entries()) {
        const { ms } = await timed((): Promise<unknown> => calls[name](subject));
        if (round >= warmUp) times[index]?.push(ms);
      }
    }
    figures.set(`${name}, p50`, times.map(median));
    figures.set(
      `${name}, p99`,
      times.map((list) => percentile(list, 0.99)),
    );
  }
}

async function measurePolling(): Promise<void> {
  const before = await Promise.all(pair.subjects.map(({ pid }) => cpuMs(pid)));
  for (let second = 0; second < seconds; second++) {
    const next = delay(1000);
    for (const subject of pair.subjects) await pollOnce(subject, second);
    await next;
  }
  const after = await Promise.all(pair.subjects.map(({ pid }) => cpuMs(pid)));
  figures.set(
    `CPU time of ${seconds} s of polling`,
    after.map((ms, index) => ms - (before[index] ?? 0)),
  );
}

async function pollOnce(subject: Subject, second: number): Promise<void> {
  await calls.ListPodSandbox(subject);
  await calls.ListContainers(subject);
  if (second % 5 === 0) await Promise.all([calls.Status(subject), calls.Version(subject)]);
  if (second % 10 === 0) await calls.ListContainerStats(subject);
}
