import { stat } from "node:fs/promises";
import type { Handlers } from "../../ground/grpc/index.ts";
import { containerd } from "../../ground/protocol/index.ts";
import { parseFilters } from "../../parts/filters/index.ts";
import type { ContainerdCall } from "./call.ts";
import { ContainerdError } from "./errors.ts";
import { ofType, toValue } from "./messages.ts";
import type { ServiceOptions } from "./options.ts";
import type { Plugin } from "./plugins.ts";
import { versionOf } from "./version.ts";

type IntrospectionHandlers = Handlers<typeof containerd.introspectionV1.IntrospectionService, ContainerdCall>;

export function introspectionHandlers(served: ServiceOptions): IntrospectionHandlers {
  const { plugins, uuid } = served;
  return {
    plugins({ filters }) {
      const matches = parseFilters(filters);
      return { plugins: plugins.filter((plugin) => matches(([field]) => fieldOf(plugin, field))) };
    },

    async server() {
      const pidNamespace = await stat("/proc/self/ns/pid", { bigint: true });
      return { uuid, pid: BigInt(process.pid), pidns: pidNamespace.ino, deprecations: [] };
    },

    async pluginInfo({ type, id, options }) {
      const plugin = plugins.find((each) => each.type === type && each.id === id);
      if (plugin === undefined)
        throw new ContainerdError("NotFound", `plugin ${JSON.stringify(`${type}.${id}`)} not found`);
      if (options === undefined) return { plugin, extra: undefined };
      if (id !== "task")
        throw new ContainerdError("Unimplemented", `plugin ${type}.${id} has no further information`);
      return { plugin, extra: await runtimeInfo(options, served) };
    },
  };
}

const [requestType, infoType] = ["containerd.types.RuntimeRequest", "containerd.types.RuntimeInfo"];
/** The type URL under which containerd's client decodes JSON. */
const featuresType = "types.containerd.io/opencontainers/runtime-spec/1/features/Features";

/** What containerd's runc shim reports about itself and the OCI runtime that its options name. */
async function runtimeInfo(
  options: containerd.types.Any,
  { tasks, version }: ServiceOptions,
): Promise<containerd.types.Any> {
  const request = ofType(options, requestType, containerd.types.RuntimeRequest);
  const name = request.runtimePath;
  const given = request.options;
  const features = await tasks.runtimeFeatures({ name, options: given && toValue(given) });
  const info = containerd.types.RuntimeInfo.fromPartial({
    name,
    version: { version: versionOf(version), revision: "" },
    options: given,
    features: features && { typeUrl: featuresType, value: Buffer.from(features) },
  });
  const value = Buffer.from(containerd.types.RuntimeInfo.encode(info).finish());
  return { typeUrl: infoType, value };
}

/** As in containerd, filters cannot refer to a plugin's lists. */
function fieldOf({ type, id }: Plugin, field: string | undefined): string | undefined {
  if (field === "type") return type;
  return field === "id" ? id : undefined;
}
