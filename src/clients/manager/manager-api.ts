import { describeProblem, isKind, readManifests } from "../manifests/index.ts";
import { ManagerError } from "./errors.ts";
import type { Manager } from "./manager.ts";
import { appliedJson, objectJson } from "./object-json.ts";
import { keyOf, type ObjectKey } from "./objects.ts";
import type { RecentEvents } from "./recent-events.ts";

type Name = { readonly kind: string; readonly namespace: string; readonly name: string };

/** The manager's interface for doors, which checks names and manifests from clients. */
export class ManagerApi {
  readonly #manager: Manager;
  readonly #events: RecentEvents;

  constructor(manager: Manager, events: RecentEvents) {
    this.#manager = manager;
    this.#events = events;
  }

  /** Throws ManifestError and ManagerError. */
  async apply(
    manifests: readonly string[],
    options: { readonly dryRun: boolean; readonly replace: boolean },
  ) {
    const sources = manifests.map((text, index) => ({ file: `manifest ${index + 1}`, text }));
    const { manifests: read, warnings } = readManifests(sources);
    const applied = await this.#manager.apply(read, options);
    const objects = applied.map(({ manifest: { kind, metadata }, outcome }) => ({
      kind,
      namespace: metadata.namespace,
      name: metadata.name,
      outcome,
    }));
    return { objects, warnings: warnings.map(describeProblem) };
  }

  async delete(
    name: Name,
    { graceSeconds, wait }: { readonly graceSeconds?: number; readonly wait: boolean },
    signal: AbortSignal,
  ): Promise<void> {
    const { uid } = await this.#manager.delete(toKey(name), graceSeconds);
    if (wait) await this.#manager.waitUntilGone(uid, signal);
  }

  list({ asApplied }: { readonly asApplied: boolean }) {
    const objects = this.#manager.list();
    const byUid = new Map(objects.map((object) => [object.uid, object]));
    return objects.map((object) => {
      const owner = object.owner === undefined ? undefined : byUid.get(object.owner);
      return {
        ...keyOf(object),
        json: JSON.stringify(asApplied ? appliedJson(object) : objectJson(object, owner)),
        deleting: object.deleting !== undefined,
        createdAtNs: object.createdAtNs,
      };
    });
  }

  async restart(name: Name): Promise<void> {
    await this.#manager.restart(toKey(name));
  }

  async scale(name: Name, replicas: number): Promise<void> {
    await this.#manager.scale(toKey(name), replicas);
  }

  /** Returns the number of the revision; 0 if it is already the current one. */
  async undo(name: Name, revision: number): Promise<number> {
    return (await this.#manager.undo(toKey(name), revision)) ?? 0;
  }

  /** Throws ManifestError and ManagerError. */
  async addEphemeralContainer(name: Name, container: string): Promise<void> {
    await this.#manager.addEphemeralContainer(toKey(name), container);
  }

  events(name: Name) {
    return this.#events.list(toKey(name));
  }
}

function toKey({ kind, namespace, name }: Name): ObjectKey {
  if (!isKind(kind)) throw new ManagerError("InvalidArgument", `${JSON.stringify(kind)} is not a kind`);
  return { kind, namespace, name };
}
