/**
 * What pods cost in memory beside their own processes: the daemon and what it keeps running for each pod (conmon; shim), as
 * proportional set size, without pods and with some. `npm run bench -- memory [PODS]`
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

const pods = Number(process.argv[2] ?? 30);

await using registry = await startBusyboxRegistry();
await pushImage(
  registry,
  "pause",
  "latest",
  await busyboxImage({ config: { Cmd: ["/bin/sleep", "1000000"] } }),
);
await using berth = await TestBerth.start({ network: bridgeNetwork({ plain: true }) });
await using peer = await PeerContainerd.start(`${registry.host}/pause:latest`);
for (const { name, clients, directory, pid } of [
  { name: "berth", clients: berth.clients, directory: berth.directory, pid: () => berth.pid },
  { name: "containerd", clients: peer.clients, directory: peer.directory, pid: () => peer.pid },
]) {
  // One pod first, so that what is loaded once is not counted as a pod's.
  await clients.images.pullImage(PullImageRequest.fromPartial({ image: { image: registry.image } }));
  await runPod(clients, join(directory, "logs"), `${name}-first`);
  const before = { daemon: await pssMib(pid()), others: await othersMib(directory, pid()) };
  for (let index = 0; index < pods; index++)
    await runPod(clients, join(directory, "logs"), `${name}-${index}`);
  const after = { daemon: await pssMib(pid()), others: await othersMib(directory, pid()) };
  const perPod = (after.others - before.others) / pods;
  console.log(
    `${name}: daemon ${before.daemon.toFixed(0)} MiB, with ${pods} more pods ${after.daemon.toFixed(0)} MiB; ` +
      `beside it ${perPod.toFixed(2)} MiB for each pod`,
  );
}

async function runPod({ runtime }: CriClients, logs: string, name: string): Promise<void> {
  const config = podConfig(name, { logDirectory: join(logs, name) });
  const { podSandboxId } = await runtime.runPodSandbox({ config, runtimeHandler: "" });
  const container = shellConfig("main", registry.image, "exec sleep 100000");
  const { containerId } = await runtime.createContainer({
    podSandboxId,
    config: container,
    sandboxConfig: config,
  });
  await runtime.startContainer({ containerId });
}

/** Processes that were told of the daemon's directory: its monitors or shims. */
async function othersMib(directory: string, daemon: number): Promise<number> {
  const pids = (await readdir("/proc")).filter((entry) => /^\d+$/.test(entry)).map(Number);
  let sum = 0;
  for (const pid of pids) {
    const command = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
    if (pid !== daemon && pid !== process.pid && command.includes(directory)) sum += await pssMib(pid);
  }
  return sum;
}

async function pssMib(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/smaps_rollup`, "utf8").catch(() => "");
  return Number(/^Pss:\s+(\d+)/m.exec(text)?.[1] ?? 0) / 1024;
}
