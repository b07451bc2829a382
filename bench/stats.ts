/**
 * How long figures of many containers take: ListContainerStats of berth and of containerd, one after the
 * other, and berth's other figures, with the CPU time of the daemon (for containerd, which calls its shims,
 * including theirs), and how long another call takes meanwhile. `npm run bench -- stats [CONTAINERS]`, in
 * pods of ten containers; the first five rounds are not counted.
 */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { podConfig, shellConfig } from "../test/support/requests.ts";
import { cpuMs } from "./cpu-time.ts";
import { RuntimePair, type Subject } from "./runtime-pair.ts";
import { median, percentile, timed } from "./statistics.ts";

const containers = Number(process.argv[2] ?? 200);
const perPod = 10;
const [rounds, warmUp] = [40, 5];

await using pair = await RuntimePair.start();
for (const subject of pair.subjects) {
  for (let pod = 0; pod < containers / perPod; pod++) await runPod(subject, `${subject.name}-${pod}`);
}
for (const subject of pair.subjects) {
  const { runtime } = subject.clients;
  const { stats } = await runtime.listContainerStats({ filter: undefined });
  console.log(`${subject.name}: ${stats.length} containers`);
  await measure(subject, "ListContainerStats", () => runtime.listContainerStats({ filter: undefined }));
  if (subject.name !== "berth") continue;
  await measure(subject, "ListPodSandboxStats", () => runtime.listPodSandboxStats({ filter: undefined }));
  await measure(subject, "ListPodSandboxMetrics", () => runtime.listPodSandboxMetrics({}));
}

async function measure(subject: Subject, what: string, ask: () => Promise<unknown>): Promise<void> {
  for (let round = 0; round < warmUp; round++) await ask();
  const times: number[] = [];
  const before = await cpuOfAll(subject);
  for (let round = 0; round < rounds; round++) times.push((await timed(ask)).ms);
  const cpuEach = ((await cpuOfAll(subject)) - before) / rounds;
  const waits = await waitsDuring(subject, ask);
  console.log(
    `  ${what}: p50 ${median(times).toFixed(1)} p95 ${percentile(times, 0.95).toFixed(1)} ms, CPU ${cpuEach.toFixed(1)} ms; ` +
      `another call meanwhile p50 ${median(waits).toFixed(1)} p95 ${percentile(waits, 0.95).toFixed(1)} ms`,
  );
}

/** How long calls take that only wait for their turn. */
async function waitsDuring({ clients: { runtime } }: Subject, ask: () => Promise<unknown>) {
  const waits: number[] = [];
  for (let round = 0; round < rounds; round++) {
    let done = false;
    const asked = ask().finally(() => {
      done = true;
    });
    while (!done) waits.push((await timed(() => runtime.version({ version: "" }))).ms);
    await asked;
  }
  return waits;
}

async function runPod({ clients: { runtime }, logs }: Subject, name: string): Promise<void> {
  const config = podConfig(name, { logDirectory: join(logs, name) });
  const { podSandboxId } = await runtime.runPodSandbox({ config, runtimeHandler: "" });
  for (let index = 0; index < perPod; index++) {
    const container = shellConfig(`c${index}`, pair.image, "exec sleep 100000");
    const request = { podSandboxId, config: container, sandboxConfig: config };
    const { containerId } = await runtime.createContainer(request);
    await runtime.startContainer({ containerId });
  }
}

/** CPU time of the daemon, and of processes that have its directory in their arguments and work for it. */
async function cpuOfAll({ directory, pid: daemon }: Subject): Promise<number> {
  const pids = (await readdir("/proc")).filter((entry) => /^\d+$/.test(entry)).map(Number);
  let ms = 0;
  for (const pid of pids) {
    const command = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
    if (pid === daemon || (pid !== process.pid && command.includes(directory))) ms += await cpuMs(pid);
  }
  return ms;
}
