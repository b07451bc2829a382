import { randomUUID } from "node:crypto";
import type { PodManager } from "../../../doors/berth/index.ts";
import { EngineError } from "../../../engines/engine/index.ts";

type Listed = ReturnType<PodManager["list"]>[number];

export type ObjectParts = {
  readonly namespace?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  /** The uid of its controller. */
  readonly owner?: string;
  readonly spec?: object;
  readonly status?: object;
  readonly deleting?: boolean;
  readonly createdAtNs?: bigint;
};

/** A pod manager with objects in memory, behind the door in tests. It runs and changes nothing. */
export class MemoryObjects implements PodManager {
  readonly #table: Listed[] = [];

  /** Adds an object and returns its uid. */
  add(kind: string, name: string, parts: ObjectParts = {}): string {
    const { namespace = "default", labels = {}, annotations = {}, owner, spec = {}, status = {} } = parts;
    const { deleting = false, createdAtNs = 1n } = parts;
    const uid = randomUUID();
    const ownerReferences = owner === undefined ? [] : [{ uid: owner }];
    const metadata = { name, namespace, uid, labels, annotations, ownerReferences };
    const json = JSON.stringify({ kind, metadata, spec, status });
    this.#table.push({ kind, namespace, name, json, deleting, createdAtNs });
    return uid;
  }

  list: PodManager["list"] = () => [...this.#table];

  delete: PodManager["delete"] = async ({ kind, namespace, name }) => {
    if (!this.remove(kind, name, namespace))
      throw new EngineError("NotFound", `${kind} ${namespace}/${name} not found`);
  };

  /** Removes an object; false if it does not exist. */
  remove(kind: string, name: string, namespace = "default"): boolean {
    const index = this.#table.findIndex(
      (one) => one.kind === kind && one.namespace === namespace && one.name === name,
    );
    if (index !== -1) this.#table.splice(index, 1);
    return index !== -1;
  }

  /** Gives an object other labels. */
  relabel(kind: string, name: string, labels: Readonly<Record<string, string>>): void {
    const index = this.#table.findIndex((one) => one.kind === kind && one.name === name);
    const found = this.#table[index];
    if (found === undefined) throw new Error(`${kind} ${name} is not there`);
    const { metadata, ...rest } = JSON.parse(found.json);
    this.#table[index] = { ...found, json: JSON.stringify({ ...rest, metadata: { ...metadata, labels } }) };
  }

  readonly events = () => [];
  readonly apply = refuse;
  readonly restart = refuse;
  readonly scale = refuse;
  readonly undo = refuse;
  readonly addEphemeralContainer = refuse;
}

async function refuse(): Promise<never> {
  throw new EngineError("FailedPrecondition", "these objects do not change");
}
