import { defineService, type GrpcService } from "../../ground/grpc/index.ts";
import { berthV1 } from "../../ground/protocol/index.ts";
import { BerthServiceError } from "./errors.ts";

export type ManagedName = { readonly kind: string; readonly namespace: string; readonly name: string };

/** What this door needs of the pod manager; the daemon hands it in. Errors have codes. */
export type PodManager = {
  /** Each manifest is one object in JSON, unchecked. */
  readonly apply: (
    manifests: readonly string[],
    options: { readonly dryRun: boolean; readonly replace: boolean },
  ) => Promise<{
    readonly objects: readonly (ManagedName & {
      readonly outcome: "created" | "configured" | "unchanged" | "replaced";
    })[];
    /** What of the manifests has no effect. */
    readonly warnings: readonly string[];
  }>;
  readonly delete: (
    name: ManagedName,
    options: { readonly graceSeconds?: number; readonly wait: boolean },
    signal: AbortSignal,
  ) => Promise<void>;
  /** With `asApplied`, the JSON has nothing that the manager has added. */
  readonly list: (options: { readonly asApplied: boolean }) => readonly (ManagedName & {
    readonly json: string;
    readonly deleting: boolean;
    readonly createdAtNs: bigint;
  })[];
  readonly restart: (name: ManagedName) => Promise<void>;
  readonly scale: (name: ManagedName, replicas: number) => Promise<void>;
  /** To a revision, 0 for the one before the current; gives its number, 0 where nothing changes. */
  readonly undo: (name: ManagedName, revision: number) => Promise<number>;
  /** The container is in JSON, unchecked. */
  readonly addEphemeralContainer: (name: ManagedName, container: string) => Promise<void>;
  readonly events: (name: ManagedName) => readonly {
    readonly type: string;
    readonly reason: string;
    readonly message: string;
    readonly atNs: bigint;
    readonly count: number;
  }[];
};

const outcomes = {
  created: berthV1.ApplyOutcome.APPLY_OUTCOME_CREATED,
  configured: berthV1.ApplyOutcome.APPLY_OUTCOME_CONFIGURED,
  unchanged: berthV1.ApplyOutcome.APPLY_OUTCOME_UNCHANGED,
  replaced: berthV1.ApplyOutcome.APPLY_OUTCOME_REPLACED,
} as const;

/** The service `berth.v1.Manager`. The manager is opened by the first call, if it is not yet. */
export function managerService(manager: () => Promise<PodManager>): GrpcService {
  return defineService(berthV1.ManagerService, {
    async applyObjects({ manifests, dryRun, replace }) {
      const { objects, warnings } = await (await manager()).apply(manifests, { dryRun, replace });
      return {
        warnings: [...warnings],
        objects: objects.map(({ outcome, kind, namespace, name }) => ({
          object: { kind, namespace, name },
          outcome: outcomes[outcome],
        })),
      };
    },

    async deleteObject({ object, graceSeconds, wait }, { signal }) {
      const options = { wait, ...(graceSeconds === undefined ? {} : { graceSeconds }) };
      await (await manager()).delete(required(object), options, signal);
      return {};
    },

    async listObjects({ kind, namespace, asApplied }) {
      const wanted = (await manager())
        .list({ asApplied })
        .filter(
          (one) => (kind === "" || one.kind === kind) && (namespace === "" || one.namespace === namespace),
        );
      return {
        objects: wanted.map(({ json, deleting, createdAtNs, ...name }) => ({
          object: { kind: name.kind, namespace: name.namespace, name: name.name },
          json,
          deleting,
          createdAt: createdAtNs,
        })),
      };
    },

    async restartObject({ object }) {
      await (await manager()).restart(required(object));
      return {};
    },

    async scaleObject({ object, replicas }) {
      await (await manager()).scale(required(object), replicas);
      return {};
    },

    async undoRollout({ object, revision }) {
      return { revision: await (await manager()).undo(required(object), revision) };
    },

    async addEphemeralContainer({ object, container }) {
      await (await manager()).addEphemeralContainer(required(object), container);
      return {};
    },

    async listObjectEvents({ object }) {
      const events = (await manager()).events(required(object));
      return { events: events.map(({ atNs, ...event }) => ({ ...event, at: atNs })) };
    },
  });
}

function required(name: berthV1.ObjectName | undefined): berthV1.ObjectName {
  if (name === undefined || name.kind === "" || name.name === "")
    throw new BerthServiceError("object must have a kind and a name");
  return name;
}
