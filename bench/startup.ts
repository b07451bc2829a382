/**
 * How long berthd takes from its start to its first reply with pods on disk, and how much memory it uses
 * then. `npm run bench -- startup [PODS] [ROUNDS]`
 */
import { readFile } from "node:fs/promises";
import { TestBerth } from "../test/support/berth.ts";
import { startBusyboxRegistry } from "../test/support/busybox.ts";
import { TestPod } from "../test/support/pod.ts";
import { median, timed } from "./statistics.ts";

const pods = Number(process.argv[2] ?? 100);
const rounds = Number(process.argv[3] ?? 10);

await using registry = await startBusyboxRegistry();
await using berth = await TestBerth.start();
await berth.pull(registry.image);
for (let index = 0; index < pods; index++) {
  const pod = await TestPod.run(berth, `pod-${index}`);
  await pod.shell("main", registry.image, "exec sleep 100000");
}
const times: number[] = [];
const memory: number[] = [];
for (let round = 0; round < rounds; round++) {
  await berth.stopDaemon("SIGKILL");
  times.push((await timed(() => berth.startDaemon())).ms);
  const { items } = await berth.clients.runtime.listPodSandbox({ filter: undefined });
  if (items.length !== pods) throw new Error(`${items.length} pods after the restart`);
  memory.push(
    Number(/^Pss:\s+(\d+)/m.exec(await readFile(`/proc/${berth.pid}/smaps_rollup`, "utf8"))?.[1]) / 1024,
  );
}
console.log(
  `${pods} pods: serving after p50 ${median(times).toFixed(0)} ms, max ${Math.max(...times).toFixed(0)} ms; ${median(memory).toFixed(0)} MiB PSS`,
);
