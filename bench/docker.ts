/**
 * berth and cri-dockerd on the same Docker Engine, alternating: a pod from RunPodSandbox to a running
 * container and its removal, ExecSync and the engine's part of it, then lists, statuses and figures of many
 * containers, with the CPU time of the runtime and of the engine. `npm run bench -- docker [ROUNDS]
 * [CONTAINERS]`; the first three rounds are not counted. Needs `sh scripts/cri-dockerd-program.sh`.
 */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { SecurityProfile_ProfileType } from "../src/ground/protocol/index.ts";
import type { CriClients } from "../test/support/clients.ts";
import { podConfig, shellConfig } from "../test/support/requests.ts";
import { numbers } from "./arguments.ts";
import { DockerPair, type DockerSubject } from "./docker-pair.ts";
import { median, timed } from "./statistics.ts";

const [rounds = 30, containers = 100] = numbers;
const warmUp = 3;
const perPod = 10;
const execsPerPod = 3;
/** The engine's default profile, for both: without a request, they would use different ones. */
const securityContext = { seccomp: { profileType: SecurityProfile_ProfileType.RuntimeDefault } };

await using pair = await DockerPair.start();
const figures = new Map<string, Map<DockerSubject["name"], number[]>>();

function add(what: string, { name }: DockerSubject, figure: number): void {
  const ofAll = figures.get(what) ?? new Map<DockerSubject["name"], number[]>();
  figures.set(what, ofAll);
  ofAll.set(name, [...(ofAll.get(name) ?? []), figure]);
}

async function inTurn(count: number, work: (subject: DockerSubject, round: number) => Promise<void>) {
  for (let round = 0; round < count; round++)
    for (const subject of round % 2 === 0 ? pair.subjects : pair.subjects.toReversed())
      await work(subject, round);
}

await inTurn(rounds + warmUp, async (subject, round) => {
  const times = await onePod(subject, `${subject.name}-${round}`);
  if (round >= warmUp) for (const [what, ms] of Object.entries(times)) add(what, subject, ms);
});
await inTurn(containers / perPod, (subject, index) => fillPod(subject, `${subject.name}-full-${index}`));
const calls: Readonly<Record<string, (clients: CriClients) => Promise<unknown>>> = {
  ListPodSandbox: ({ runtime }) => runtime.listPodSandbox({ filter: undefined }),
  ListContainers: ({ runtime }) => runtime.listContainers({ filter: undefined }),
  Status: ({ runtime }) => runtime.status({ verbose: false }),
  ListContainerStats: ({ runtime }) => runtime.listContainerStats({ filter: undefined }),
};
for (const [what, call] of Object.entries(calls)) {
  await inTurn(rounds + warmUp, async (subject, round) => {
    const { ms, cpuMs } = await costOf(subject, () => call(subject.clients));
    if (round < warmUp) return;
    add(what, subject, ms);
    add(`CPU of ${what}`, subject, cpuMs);
  });
}

console.log(`${rounds} rounds, ${containers} containers each, Docker ${pair.engineVersion}; medians`);
console.log("| | berth | cri-dockerd | ratio |\n|---|---|---|---|");
for (const [what, ofAll] of figures) {
  const [own = 0, peer = 0] = pair.subjects.map(({ name }) => median(ofAll.get(name) ?? []));
  console.log(`| ${what} | ${own.toFixed(1)} ms | ${peer.toFixed(1)} ms | ${(own / peer).toFixed(2)} |`);
}

/** The CPU time of the runtime, the engine and what they start. */
async function costOf<T>({ group }: DockerSubject, work: () => Promise<T>) {
  const groups = [group, pair.engineGroup];
  const used = async () =>
    (await Promise.all(groups.map((each) => each.usedMs()))).reduce((sum, each) => sum + each, 0);
  const before = await used();
  const { ms, value } = await timed(work);
  return { ms, value, cpuMs: (await used()) - before };
}

async function onePod(subject: DockerSubject, name: string): Promise<Readonly<Record<string, number>>> {
  const { runtime } = subject.clients;
  const config = await configOf(subject.logs, name);
  const container = shellConfig("main", pair.image, "exec sleep 1000", { linux: { securityContext } });
  const run = await costOf(subject, () => runtime.runPodSandbox({ config, runtimeHandler: "" }));
  const { podSandboxId } = run.value;
  const create = await costOf(subject, () =>
    runtime.createContainer({ podSandboxId, config: container, sandboxConfig: config }),
  );
  const { containerId } = create.value;
  const start = await costOf(subject, () => runtime.startContainer({ containerId }));
  const exec = await costOf(subject, async () => {
    const execs: number[] = [];
    for (let index = 0; index < execsPerPod; index++)
      execs.push((await timed(() => runtime.execSync({ containerId, cmd: ["true"], timeout: 100n }))).ms);
    return median(execs);
  });
  const alone = await costOf(subject, async () => {
    const execs: number[] = [];
    for (let index = 0; index < execsPerPod; index++)
      execs.push((await timed(() => execByEngine(containerId))).ms);
    return median(execs);
  });
  const stop = await costOf(subject, () => runtime.stopPodSandbox({ podSandboxId }));
  const remove = await costOf(subject, () => runtime.removePodSandbox({ podSandboxId }));
  return {
    "pod to running": run.ms + create.ms + start.ms,
    RunPodSandbox: run.ms,
    CreateContainer: create.ms,
    StartContainer: start.ms,
    ExecSync: exec.value,
    "the engine's part of ExecSync": alone.value,
    StopPodSandbox: stop.ms,
    RemovePodSandbox: remove.ms,
    "CPU of pod to running": run.cpuMs + create.cpuMs + start.cpuMs,
    "CPU of RunPodSandbox": run.cpuMs,
    "CPU of CreateContainer": create.cpuMs,
    "CPU of StartContainer": start.cpuMs,
    "CPU of ExecSync": exec.cpuMs / execsPerPod,
    "CPU of the engine's part": alone.cpuMs / execsPerPod,
    "CPU of pod's end": stop.cpuMs + remove.cpuMs,
  };
}

/** The minimum for any runtime: a command is created, started, and read to its end. */
async function execByEngine(containerId: string): Promise<void> {
  const streams = { AttachStdin: false, AttachStdout: true, AttachStderr: true };
  const id = await pair.engine.createExec(containerId, { Cmd: ["true"], Tty: false, ...streams });
  for await (const _ of await pair.engine.startExec(id, false));
}

async function fillPod({ clients: { runtime }, logs }: DockerSubject, name: string): Promise<void> {
  const config = await configOf(logs, name);
  const { podSandboxId } = await runtime.runPodSandbox({ config, runtimeHandler: "" });
  for (let index = 0; index < perPod; index++) {
    const container = shellConfig(`c${index}`, pair.image, "exec sleep 100000", {
      linux: { securityContext },
    });
    const request = { podSandboxId, config: container, sandboxConfig: config };
    const { containerId } = await runtime.createContainer(request);
    await runtime.startContainer({ containerId });
  }
}

/** Kubelets create the directory, and always name a profile. */
async function configOf(logs: string, name: string) {
  const logDirectory = join(logs, name);
  await mkdir(logDirectory, { recursive: true });
  return podConfig(name, { logDirectory, linux: { securityContext } });
}
