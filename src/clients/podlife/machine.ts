import { perObject } from "../../ground/sync/index.ts";
import { type MachineMemory, machineMemory, PodCgroups } from "../podspec/index.ts";
import type { PodRuntime } from "./pod-runtime.ts";

/** What of the machine all pods of a runtime share. */
export type Machine = {
  readonly memory: MachineMemory;
  /** Undefined where none can be made: containers are then where the runtime puts them. */
  readonly cgroups: PodCgroups | undefined;
};

const machines = perObject((_runtime: PodRuntime): { known?: Machine } => ({}));

/** Looked at once. Throws what the runtime answers. */
export async function machineOf(runtime: PodRuntime): Promise<Machine> {
  const kept = machines(runtime);
  kept.known ??= {
    memory: await machineMemory(),
    cgroups: await PodCgroups.open(await runtime.cgroupDriver()),
  };
  return kept.known;
}
