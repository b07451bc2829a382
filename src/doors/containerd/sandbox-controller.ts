import type { Handlers } from "../../ground/grpc/index.ts";
import type { containerd } from "../../ground/protocol/index.ts";
import type { ContainerdCall } from "./call.ts";
import { ContainerdError } from "./errors.ts";
import { isPods } from "./extensions.ts";
import { toTimestamp } from "./messages.ts";
import type { ServiceOptions } from "./options.ts";
import { metricsOf } from "./task-metrics.ts";

type ControllerHandlers = Handlers<typeof containerd.sandboxV1.ControllerService, ContainerdCall>;

const states = { ready: "SANDBOX_READY", notReady: "SANDBOX_NOTREADY" } as const;

/** What containerd's own controller of pods does for the pods of CRI; no others run here. */
export function sandboxControllerHandlers({
  pods,
  platform,
  cgroups,
}: Pick<ServiceOptions, "pods" | "platform" | "cgroups">): ControllerHandlers {
  return {
    create: () => refuseToMake(),
    start: () => refuseToMake(),

    async platform({ sandboxId }, call) {
      await requirePod(sandboxId, call);
      const { os, architecture, variant = "" } = platform;
      return { platform: { os, architecture, variant, osVersion: "", osFeatures: [] } };
    },

    async stop({ sandboxId }, call) {
      await requirePod(sandboxId, call);
      await pods.stop(sandboxId, call.signal);
      return {};
    },

    async wait({ sandboxId }, call) {
      await requirePod(sandboxId, call);
      const endedAtNs = await pods.ended(sandboxId, call.signal);
      return { exitStatus: 0, exitedAt: toTimestamp(endedAtNs) };
    },

    async status({ sandboxId, verbose }, call) {
      await requirePod(sandboxId, call);
      const { state, createdAtNs } = pods.get(sandboxId);
      return {
        sandboxId,
        // A pod has no process of its own.
        pid: 0,
        state: states[state],
        info: verbose ? { info: JSON.stringify(await pods.inspect(sandboxId), bigintAsText) } : {},
        createdAt: toTimestamp(createdAtNs),
        exitedAt: undefined,
        extra: undefined,
        address: "",
        version: 0,
      };
    },

    async shutdown({ sandboxId }, call) {
      await requirePod(sandboxId, call);
      await pods.remove(sandboxId, call.signal);
      return {};
    },

    async metrics({ sandboxId }, call) {
      const namespace = await requirePod(sandboxId, call);
      const subject = { id: sandboxId, cgroup: pods.get(sandboxId).cgroup };
      const [metrics] = await metricsOf([subject], { namespace, filters: [] }, cgroups);
      if (metrics !== undefined) return { metrics };
      throw new ContainerdError("NotFound", `sandbox ${sandboxId} has no cgroup of its own`);
    },

    // Neither does containerd's own controller of pods change anything.
    async update({ sandboxId }, call) {
      await requirePod(sandboxId, call);
      return {};
    },
  };
}

/**
 * Resolves with the namespace. Throws NotFound; FailedPrecondition for the record of a sandbox that a client
 * has made.
 */
async function requirePod(id: string, { namespace }: ContainerdCall): Promise<string> {
  const { name, sandboxes } = await namespace();
  if (isPods(sandboxes.get(id))) return name;
  throw new ContainerdError(
    "FailedPrecondition",
    `sandbox ${id} is a client's record: nothing runs it here; only pods that the CRI has made do run`,
  );
}

function refuseToMake(): never {
  throw new ContainerdError(
    "Unimplemented",
    "sandboxes are not made by this API: run a pod by the CRI's RunPodSandbox, such as with crictl runp or berth pod run",
  );
}

function bigintAsText(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? String(value) : value;
}
