/**
 * How many fsyncs each call of a pod's life takes, and how many programs it starts, counted with strace(1) on
 * the daemon and everything that it starts; medians of the rounds. berth and containerd. `npm run bench --
 * counts [ROUNDS] [--json]`
 */
import { join } from "node:path";
import { podConfig, shellConfig } from "../test/support/requests.ts";
import { asJson, numbers } from "./arguments.ts";
import { RuntimePair, type Subject } from "./runtime-pair.ts";
import { median } from "./statistics.ts";
import { type Counts, Trace } from "./trace.ts";

const [rounds = 5] = numbers;
const warmUp = 1;

await using pair = await RuntimePair.start();
const figures: { readonly name: string; readonly call: string; readonly counts: Counts }[] = [];
for (const subject of pair.subjects) {
  const found = new Map<string, Counts[]>();
  await using trace = await Trace.of(subject.pid);
  for (let round = 0; round < rounds + warmUp; round++) {
    for (const [call, work] of callsOf(subject, `${subject.name}-${round}`)) {
      const counts = await trace.during(work);
      if (round >= warmUp) found.set(call, [...(found.get(call) ?? []), counts]);
    }
  }
  for (const [call, list] of found)
    figures.push({
      name: subject.name,
      call,
      counts: {
        fsyncs: median(list.map(({ fsyncs }) => fsyncs)),
        programs: median(list.map(({ programs }) => programs)),
      },
    });
}

if (asJson) console.log(JSON.stringify({ rounds, figures }, undefined, 2));
else {
  console.log("| | call | fsyncs | programs started |\n|---|---|---|---|");
  for (const { name, call, counts } of figures)
    console.log(`| ${name} | ${call} | ${counts.fsyncs} | ${counts.programs} |`);
}

/** The calls of one pod's life, in order; each needs those before it. */
function callsOf(
  { clients: { runtime }, logs }: Subject,
  name: string,
): readonly [string, () => Promise<void>][] {
  const sandboxConfig = podConfig(name, { logDirectory: join(logs, name) });
  const config = shellConfig("main", pair.image, "exec sleep 1000");
  let podSandboxId = "";
  let containerId = "";
  return [
    [
      "RunPodSandbox",
      async () => {
        ({ podSandboxId } = await runtime.runPodSandbox({ config: sandboxConfig, runtimeHandler: "" }));
      },
    ],
    [
      "CreateContainer",
      async () => {
        ({ containerId } = await runtime.createContainer({ podSandboxId, config, sandboxConfig }));
      },
    ],
    ["StartContainer", async () => void (await runtime.startContainer({ containerId }))],
    ["ExecSync", async () => void (await runtime.execSync({ containerId, cmd: ["true"], timeout: 10n }))],
    ["StopContainer", async () => void (await runtime.stopContainer({ containerId, timeout: 0n }))],
    ["RemoveContainer", async () => void (await runtime.removeContainer({ containerId }))],
    ["StopPodSandbox", async () => void (await runtime.stopPodSandbox({ podSandboxId }))],
    ["RemovePodSandbox", async () => void (await runtime.removePodSandbox({ podSandboxId }))],
  ];
}
