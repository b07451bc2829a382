import { startContainerd } from "../../bench/containerd.ts";
import type { TestRegistry } from "../../src/testing/registry.ts";
import { pushImage } from "../../src/testing/registry.ts";
import type { TestBerth } from "./berth.ts";
import { busyboxImage } from "./busybox.ts";
import { clientProgram } from "./client-programs.ts";
import { startCrio } from "./crio.ts";

/** `berth`, or `containerd` and `crio` as built by scripts/clients-programs.sh and crio-programs.sh. */
const name = process.env.BERTH_TEST_CRI ?? "berth";

export type TestedCri = AsyncDisposable & { readonly socket: string };

/** The runtime for the manager's pods: that of `berth`, unless BERTH_TEST_CRI names another. */
export async function startCri(berth: TestBerth, registry: TestRegistry): Promise<TestedCri> {
  if (name === "berth") return { socket: berth.socket, [Symbol.asyncDispose]: async () => {} };
  if (name !== "containerd" && name !== "crio")
    throw new Error(`BERTH_TEST_CRI=${name} is neither berth nor containerd nor crio`);
  const pause = await busyboxImage({ config: { Cmd: ["/bin/sleep", "1000000"] } });
  await pushImage(registry, "pause", "latest", pause);
  if (name === "crio") return await startCrio(registry.host);
  return await startContainerd(`${registry.host}/pause:latest`, { programs: clientProgram("") });
}
