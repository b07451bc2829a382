import type { Handlers } from "../../ground/grpc/index.ts";
import { specJson } from "../../ground/json/index.ts";
import type { containerd } from "../../ground/protocol/index.ts";
import type { ContainerdCall } from "./call.ts";
import { ContainerdError } from "./errors.ts";
import { isPods } from "./extensions.ts";
import { noTime, toTimestamp } from "./messages.ts";
import type { ServiceOptions } from "./options.ts";
import { podExitStatus } from "./pod-sandbox-tasks.ts";
import { metricsOf } from "./task-metrics.ts";

type ControllerHandlers = Handlers<typeof containerd.sandboxV1.ControllerService, ContainerdCall>;

const states = { ready: "SANDBOX_READY", notReady: "SANDBOX_NOTREADY" } as const;

/**
 * containerd's controllers: one for CRI's pods, and one for shims that run sandboxes, which the runc shim
 * does not.
 */
const sandboxers: readonly string[] = ["podsandbox", "shim"];

/**
 * The service Controller: does for CRI's pods what containerd's own controller of pods does. No other
 * sandboxes run here.
 */
export function sandboxControllerHandlers({
  pods,
  platform,
  cgroups,
}: Pick<ServiceOptions, "pods" | "platform" | "cgroups">): ControllerHandlers {
  return {
    async create({ sandboxer }) {
      throw cannotMake(sandboxer);
    },

    async start({ sandboxId, sandboxer }, call) {
      checkSandboxer(sandboxer);
      const { sandboxes } = await call.namespace();
      if (isPods(sandboxes.get(sandboxId)))
        throw new ContainerdError("AlreadyExists", `sandbox ${sandboxId} is a pod, which has been started`);
      throw notRunning(sandboxId);
    },

    async platform({ sandboxId }, call) {
      await requirePod(sandboxId, call);
      const { os, architecture, variant = "" } = platform;
      return { platform: { os, architecture, variant, osVersion: "", osFeatures: [] } };
    },

    async stop({ sandboxId }, call) {
      const { sandboxes } = await call.namespace();
      // A client's record runs nothing, so there is nothing to stop: its client is about to delete it.
      if (!isPods(sandboxes.get(sandboxId))) return {};
      await pods.stop(sandboxId, call.signal);
      return {};
    },

    async wait({ sandboxId }, call) {
      await requirePod(sandboxId, call);
      const endedAtNs = await pods.ended(sandboxId, call.signal);
      return { exitStatus: podExitStatus, exitedAt: toTimestamp(endedAtNs) };
    },

    async status({ sandboxId, verbose }, call) {
      await requirePod(sandboxId, call);
      const { state, createdAtNs } = pods.get(sandboxId);
      return {
        sandboxId,
        // A pod may have no process of its own.
        pid: 0,
        state: states[state],
        info: verbose ? { info: specJson(await pods.inspect(sandboxId)) } : {},
        createdAt: toTimestamp(createdAtNs),
        exitedAt: noTime,
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

    // As in containerd's own controller of pods, this changes nothing.
    async update({ sandboxId }, call) {
      await requirePod(sandboxId, call);
      return {};
    },
  };
}

/**
 * Returns the name of the namespace. Throws NotFound, including for a sandbox record that a client created,
 * as containerd does if no shim runs it; clients then delete the record.
 */
async function requirePod(id: string, { namespace }: ContainerdCall): Promise<string> {
  const { name, sandboxes } = await namespace();
  if (isPods(sandboxes.get(id))) return name;
  throw notRunning(id);
}

function notRunning(id: string): ContainerdError {
  return new ContainerdError(
    "NotFound",
    `sandbox ${id} is a client's record: nothing runs it here; only pods created through the CRI run`,
  );
}

/** Checks the name of a controller. Throws InvalidArgument, NotFound. */
function checkSandboxer(name: string): void {
  if (name === "")
    throw new ContainerdError("InvalidArgument", "sandboxer: must name a controller of sandboxes");
  if (!sandboxers.includes(name))
    throw new ContainerdError(
      "NotFound",
      `sandboxer: no controller of sandboxes is called ${JSON.stringify(name)}`,
    );
}

/**
 * Clients cannot create sandboxes in containerd either: its controller of pods needs what only its CRI writes
 * into a record, and its runc shim serves no sandboxes.
 */
function cannotMake(sandboxer: string): ContainerdError {
  checkSandboxer(sandboxer);
  return new ContainerdError(
    "Unimplemented",
    sandboxer === "shim"
      ? "sandboxes: not supported by io.containerd.runc.v2; run a pod through the CRI's RunPodSandbox, for example with crictl runp or berth run"
      : "sandboxes: this API does not create pods; use the CRI's RunPodSandbox, for example with crictl runp or berth run",
  );
}
