/**
 * How long a pod takes from RunPodSandbox to a running container, and each RPC of it: berth and containerd in turn, image present, CNI bridge,
 * one pod at a time. `npm run bench -- pods [ROUNDS]`; the first five rounds are not counted.
 */
import { join } from "node:path";
import { PullImageRequest } from "../src/protocol/index.ts";
import { pushImage } from "../src/testing/registry.ts";
import { bridgeNetwork, TestBerth } from "../test/support/berth.ts";
import { busyboxImage, startBusyboxRegistry } from "../test/support/busybox.ts";
import type { CriClients } from "../test/support/clients.ts";
import { podConfig, shellConfig } from "../test/support/requests.ts";
import { PeerContainerd } from "./containerd.ts";
import { median, percentile, timed } from "./statistics.ts";

const rounds = Number(process.argv[2] ?? 40);
const warmUp = 5;

await using registry = await startBusyboxRegistry();
await using berth = await TestBerth.start({ network: bridgeNetwork({ plain: true }) });
const pauseImage = await busyboxImage({ config: { Cmd: ["/bin/sleep", "1000000"] } });
await pushImage(registry, "pause", "latest", pauseImage);
await using peer = await PeerContainerd.start(`${registry.host}/pause:latest`);
const subjects = [
  { name: "berth", clients: berth.clients, logs: berth.logDir },
  { name: "containerd", clients: peer.clients, logs: join(peer.directory, "logs") },
];
for (const { clients } of subjects) {
  await clients.images.pullImage(PullImageRequest.fromPartial({ image: { image: registry.image } }));
}

type Times = {
  readonly run: number;
  readonly create: number;
  readonly start: number;
  readonly exec: number;
  readonly stop: number;
  readonly remove: number;
};
const times: Readonly<Record<string, Times[]>> = { berth: [], containerd: [] };
for (let round = 0; round < rounds + warmUp; round++) {
  for (const { name, clients, logs } of subjects) {
    const figures = await onePod(clients, `${name}-${round}`, logs);
    if (round >= warmUp) times[name]?.push(figures);
  }
}
for (const [name, list] of Object.entries(times)) report(name, list);
console.log(`ratio of the medians of the sum: ${(medianSum("berth") / medianSum("containerd")).toFixed(2)}`);

async function onePod({ runtime }: CriClients, name: string, logs: string): Promise<Times> {
  const config = podConfig(name, { logDirectory: join(logs, name) });
  const run = await timed(() => runtime.runPodSandbox({ config, runtimeHandler: "" }));
  const podSandboxId = run.value.podSandboxId;
  const container = shellConfig("main", registry.image, "exec sleep 1000");
  const create = await timed(() =>
    runtime.createContainer({ podSandboxId, config: container, sandboxConfig: config }),
  );
  const { containerId } = create.value;
  const start = await timed(() => runtime.startContainer({ containerId }));
  const exec = await timed(() => runtime.execSync({ containerId, cmd: ["true"], timeout: 10n }));
  const stop = await timed(() => runtime.stopPodSandbox({ podSandboxId }));
  const remove = await timed(() => runtime.removePodSandbox({ podSandboxId }));
  return { run: run.ms, create: create.ms, start: start.ms, exec: exec.ms, stop: stop.ms, remove: remove.ms };
}

function sums(list: readonly Times[]): readonly number[] {
  return list.map(({ run, create, start }) => run + create + start);
}

function medianSum(name: string): number {
  return median(sums(times[name] ?? []));
}

function report(name: string, list: readonly Times[]): void {
  const figure = (figures: readonly number[]) =>
    `p50 ${median(figures).toFixed(1)} p95 ${percentile(figures, 0.95).toFixed(1)} ms`;
  console.log(`${name}: run+create+start ${figure(sums(list))}`);
  for (const key of ["run", "create", "start", "exec", "stop", "remove"] as const) {
    console.log(`  ${key.padEnd(7)} ${figure(list.map((each) => each[key]))}`);
  }
}
