/**
 * How long figures of many containers take: ListContainerStats of berth and of containerd in turn, and what berth gives beside
 * that, with the CPU time of the daemon (of containerd, which asks its shims, of these too) and the longest that another call had to wait meanwhile.
 * `npm run bench -- stats [CONTAINERS]`, in pods of ten containers; the first five rounds are not counted.
 */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { PullImageRequest } from "../src/protocol/index.ts";
import { pushImage } from "../src/testing/registry.ts";
import { bridgeNetwork, TestBerth } from "../test/support/berth.ts";
import { busyboxImage, startBusyboxRegistry } from "../test/support/busybox.ts";
import type { CriClients } from "../test/support/clients.ts";
import { podConfig, shellConfig } from "../test/support/requests.ts";
import { PeerContainerd } from "./containerd.ts";
import { median, percentile, timed } from "./statistics.ts";

const containers = Number(process.argv[2] ?? 200);
const perPod = 10;
const [rounds, warmUp] = [40, 5];
/** Linux counts CPU time in hundredths of a second. */
const tickMs = 10;

await using registry = await startBusyboxRegistry();
const pauseImage = await busyboxImage({ config: { Cmd: ["/bin/sleep", "1000000"] } });
await pushImage(registry, "pause", "latest", pauseImage);
await using berth = await TestBerth.start({ network: bridgeNetwork({ plain: true }) });
await using peer = await PeerContainerd.start(`${registry.host}/pause:latest`);
const subjects = [
  { name: "berth", clients: berth.clients, directory: berth.directory, pid: berth.pid },
  { name: "containerd", clients: peer.clients, directory: peer.directory, pid: peer.pid },
];
for (const { name, clients, directory } of subjects) {
  await clients.images.pullImage(PullImageRequest.fromPartial({ image: { image: registry.image } }));
  const logs = join(directory, "logs");
  for (let pod = 0; pod < containers / perPod; pod++) await runPod(clients, logs, `${name}-${pod}`);
}
for (const { name, clients, directory, pid } of subjects) {
  const list = () => clients.runtime.listContainerStats({ filter: undefined });
  const { stats } = await list();
  console.log(`${name}: ${stats.length} containers`);
  await measure("ListContainerStats", list, clients, () => cpuMs(directory, pid));
}
const { runtime } = berth.clients;
const cpu = () => cpuMs(berth.directory, berth.pid);
await measure(
  "ListPodSandboxStats of berth",
  () => runtime.listPodSandboxStats({ filter: undefined }),
  berth.clients,
  cpu,
);
await measure("ListPodSandboxMetrics of berth", () => runtime.listPodSandboxMetrics({}), berth.clients, cpu);

async function measure(
  what: string,
  ask: () => Promise<unknown>,
  clients: CriClients,
  cpuOf: () => Promise<number>,
): Promise<void> {
  for (let round = 0; round < warmUp; round++) await ask();
  const times: number[] = [];
  const waits: number[] = [];
  const before = await cpuOf();
  for (let round = 0; round < rounds; round++) {
    let done = false;
    const asked = timed(ask).finally(() => {
      done = true;
    });
    while (!done) waits.push((await timed(() => clients.runtime.version({ version: "" }))).ms);
    times.push((await asked).ms);
  }
  const cpuEach = ((await cpuOf()) - before) / rounds;
  console.log(
    `  ${what}: p50 ${median(times).toFixed(1)} p95 ${percentile(times, 0.95).toFixed(1)} ms, ` +
      `CPU ${cpuEach.toFixed(1)} ms, another call meanwhile p50 ${median(waits).toFixed(1)} at most ${Math.max(...waits).toFixed(1)} ms`,
  );
}

async function runPod({ runtime }: CriClients, logs: string, name: string): Promise<void> {
  const config = podConfig(name, { logDirectory: join(logs, name) });
  const { podSandboxId } = await runtime.runPodSandbox({ config, runtimeHandler: "" });
  for (let index = 0; index < perPod; index++) {
    const container = shellConfig(`c${index}`, registry.image, "exec sleep 100000");
    const request = { podSandboxId, config: container, sandboxConfig: config };
    const { containerId } = await runtime.createContainer(request);
    await runtime.startContainer({ containerId });
  }
}

/** CPU time of the daemon, and of processes that were told of its directory and work for it. */
async function cpuMs(directory: string, daemon: number): Promise<number> {
  const pids = (await readdir("/proc")).filter((entry) => /^\d+$/.test(entry)).map(Number);
  let ticks = 0;
  for (const pid of pids) {
    const command = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
    if (pid === daemon || (pid !== process.pid && command.includes(directory))) ticks += await ticksOf(pid);
  }
  return ticks * tickMs;
}

/** utime and stime of proc_pid_stat(5), the 14th and 15th field; the second, the name, may hold blanks. */
async function ticksOf(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return Number(fields[11] ?? 0) + Number(fields[12] ?? 0);
}
