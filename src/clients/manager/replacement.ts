import { randomUUID } from "node:crypto";
import type { Manifest } from "../manifests/index.ts";
import type { StoredObject, Successor } from "./objects.ts";

export function successor(manifest: Manifest, source: string | undefined): Successor {
  return { uid: randomUUID(), manifest, ...(source === undefined ? {} : { source }) };
}

/** The object that replaces a removed one; undefined if none does. */
export function successorOf({ deleting }: StoredObject, nowNs: bigint): StoredObject | undefined {
  return deleting?.successor && { ...deleting.successor, createdAtNs: nowNs, generation: 1 };
}
