import { perObject } from "../../ground/sync/index.ts";
import { type MachineMemory, machineMemory, PodCgroups } from "../podspec/index.ts";
import type { PodRuntime } from "./pod-runtime.ts";

/** Properties of the machine that all pods of a runtime share. */
export type Machine = {
  readonly memory: MachineMemory;
  /** Undefined if none can be created; the runtime then chooses the containers' cgroups. */
  readonly cgroups: PodCgroups | undefined;
};

const machines = perObject((_runtime: PodRuntime): { known?: Machine } => ({}));

/** Determined once. Throws the runtime's error. */
export async function machineOf(runtime: PodRuntime): Promise<Machine> {
  const kept = machines(runtime);
  kept.known ??= {
    memory: await machineMemory(),
    cgroups: await PodCgroups.open(await runtime.cgroupDriver()),
  };
  return kept.known;
}
