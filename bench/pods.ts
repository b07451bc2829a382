/**
 * How long a pod takes from RunPodSandbox to a running container, and each of its RPCs: berth and containerd
 * alternating, with the image present, a CNI bridge, and one pod at a time. `npm run bench -- pods [ROUNDS]
 * [--json]`; the first five rounds are not counted.
 */
import { join } from "node:path";
import { podConfig, shellConfig } from "../test/support/requests.ts";
import { asJson, numbers } from "./arguments.ts";
import { RuntimePair, type Subject } from "./runtime-pair.ts";
import { median, percentile, timed } from "./statistics.ts";

const [rounds = 40] = numbers;
const warmUp = 5;

await using pair = await RuntimePair.start();

type Times = {
  readonly run: number;
  readonly create: number;
  readonly start: number;
  readonly exec: number;
  readonly stop: number;
  readonly remove: number;
};
const times: Readonly<Record<Subject["name"], Times[]>> = { berth: [], containerd: [] };
for (let round = 0; round < rounds + warmUp; round++) {
  for (const subject of round % 2 === 0 ? pair.subjects : pair.subjects.toReversed()) {
    const figures = await onePod(subject, `${subject.name}-${round}`);
    if (round >= warmUp) times[subject.name].push(figures);
  }
}
const calls = ["run", "create", "start", "exec", "stop", "remove"] as const;
if (asJson)
  console.log(JSON.stringify({ rounds, figures: Object.entries(times).map(figuresOf) }, undefined, 2));
else {
  for (const [name, list] of Object.entries(times)) report(name, list);
  console.log(
    `ratio of the medians of the sum: ${(medianSum("berth") / medianSum("containerd")).toFixed(2)}`,
  );
}

async function onePod({ clients: { runtime }, logs }: Subject, name: string): Promise<Times> {
  const config = podConfig(name, { logDirectory: join(logs, name) });
  const run = await timed(() => runtime.runPodSandbox({ config, runtimeHandler: "" }));
  const podSandboxId = run.value.podSandboxId;
  const container = shellConfig("main", pair.image, "exec sleep 1000");
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

function medianSum(name: Subject["name"]): number {
  return median(sums(times[name]));
}

function report(name: string, list: readonly Times[]): void {
  const figure = (figures: readonly number[]) =>
    `p50 ${median(figures).toFixed(1)} p99 ${percentile(figures, 0.99).toFixed(1)} ms`;
  console.log(`${name}: run+create+start ${figure(sums(list))}`);
  for (const key of calls) {
    console.log(`  ${key.padEnd(7)} ${figure(list.map((each) => each[key]))}`);
  }
}

function figuresOf([name, list]: readonly [string, readonly Times[]]) {
  const both = (figures: readonly number[]) => ({
    p50Ms: median(figures),
    p99Ms: percentile(figures, 0.99),
  });
  const each = calls.map((key) => [key, both(list.map((times) => times[key]))] as const);
  return { name, podToRunning: both(sums(list)), ...Object.fromEntries(each) };
}
