import type { Handlers } from "../../ground/grpc/index.ts";
import type { containerd } from "../../ground/protocol/index.ts";
import { fieldOfLabels, parseFilters } from "../../parts/filters/index.ts";
import type { Activation, Activations, GivenMount } from "../../services/mounts/index.ts";
import type { ContainerdCall } from "./call.ts";
import { ContainerdError } from "./errors.ts";
import { labelsOfMask } from "./field-mask.ts";
import { toTimestamp } from "./messages.ts";
import type { ServiceOptions } from "./options.ts";

type MountHandlers = Handlers<typeof containerd.mountsV1.MountsService, ContainerdCall>;

/**
 * The service Mounts: mounts that berth activates, so that a client or an OCI runtime can make mounts that
 * refer to them.
 */
export function mountHandlers({ activations }: Pick<ServiceOptions, "activations">): MountHandlers {
  const inNamespace = async ({ namespace }: ContainerdCall): Promise<Activations> =>
    activations((await namespace()).name);
  return {
    async activate({ name, mounts, labels, temporary }, call) {
      const leaseId = call.leaseId === "" ? undefined : call.leaseId;
      const request = { name, mounts: mounts.map(toGiven), labels, leaseId, temporary };
      return { info: toMessage(await (await inNamespace(call)).activate(request, call.signal)) };
    },

    async deactivate({ name }, call) {
      await (await inNamespace(call)).deactivate(name);
      return {};
    },

    async info({ name }, call) {
      return { info: toMessage((await inNamespace(call)).get(name)) };
    },

    async update({ info, updateMask = [] }, call) {
      if (info === undefined) throw new ContainerdError("InvalidArgument", "info: must be set");
      const own = await inNamespace(call);
      const { labels: before } = own.get(info.name);
      const labels =
        updateMask.length === 0 || updateMask.includes("labels")
          ? info.labels
          : { ...before, ...labelsOfMask(updateMask, info.labels) };
      return { info: toMessage(await own.setLabels(info.name, labels)) };
    },

    async *list({ filters }, call) {
      const matches = parseFilters(filters);
      for (const activation of (await inNamespace(call)).list())
        if (matches((path) => fieldOf(activation, path))) yield { info: toMessage(activation) };
    },
  };
}

function toGiven({ type, source, target, options }: containerd.types.Mount): GivenMount {
  return { type, source, target, options: [...options] };
}

function toMessage({ name, active, system, labels }: Activation): containerd.types.ActivationInfo {
  return {
    name,
    active: active.map(({ mount, mountPoint, mountedAtNs }) => ({
      mount: toMount(mount),
      mountedAt: toTimestamp(mountedAtNs),
      mountPoint,
      data: {},
    })),
    system: system.map(toMount),
    labels: { ...labels },
  };
}

function toMount({ type, source, target, options }: GivenMount): containerd.types.Mount {
  return { type, source, target, options: [...options] };
}

function fieldOf({ name, labels }: Activation, [field, ...rest]: readonly string[]): string | undefined {
  if (field === "name") return name;
  return field === "labels" ? fieldOfLabels(labels, rest) : undefined;
}
