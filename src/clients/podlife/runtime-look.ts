import {
  ListContainersRequest,
  ListPodSandboxRequest,
  RuntimeServiceService,
} from "../../ground/protocol/index.ts";
import type { Client } from "../criclient/index.ts";
import { podUidLabel } from "../podspec/index.ts";

/** The states of sandboxes and containers by id, as the runtime numbers them. */
export type PodStates = ReadonlyMap<string, number>;

/** The states of each pod's sandboxes and containers, by the pod's uid. */
export type RuntimeStates = ReadonlyMap<string, PodStates>;

/** Reads the states of all pods with two list calls, however many there are. */
export async function lookAtRuntime(client: Client): Promise<RuntimeStates> {
  const [{ items }, { containers }] = await Promise.all([
    client.unary(RuntimeServiceService.listPodSandbox, ListPodSandboxRequest.fromPartial({})),
    client.unary(RuntimeServiceService.listContainers, ListContainersRequest.fromPartial({})),
  ]);
  const states = new Map<string, Map<string, number>>();
  for (const { id, labels, state } of [...items, ...containers]) {
    const uid = labels[podUidLabel];
    if (uid === undefined) continue;
    const ofPod = states.get(uid) ?? new Map<string, number>();
    states.set(uid, ofPod.set(id, state));
  }
  return states;
}

/** The pods whose states differ. */
export function changedPods(before: RuntimeStates, after: RuntimeStates): readonly string[] {
  return [...new Set([...before.keys(), ...after.keys()])].filter(
    (uid) => !isSame(before.get(uid), after.get(uid)),
  );
}

export function isSame(one: PodStates | undefined, other: PodStates | undefined): boolean {
  return one?.size === other?.size && [...(one ?? [])].every(([id, state]) => other?.get(id) === state);
}
