import { stat } from "node:fs/promises";
import type { Handlers } from "../../ground/grpc/index.ts";
import type { containerd } from "../../ground/protocol/index.ts";
import { parseFilters } from "../../parts/filters/index.ts";
import type { ContainerdCall } from "./call.ts";
import { ContainerdError } from "./errors.ts";
import type { ServiceOptions } from "./options.ts";
import type { Plugin } from "./plugins.ts";

type IntrospectionHandlers = Handlers<typeof containerd.introspectionV1.IntrospectionService, ContainerdCall>;

export function introspectionHandlers({ plugins, uuid }: ServiceOptions): IntrospectionHandlers {
  return {
    plugins({ filters }) {
      const matches = parseFilters(filters);
      return { plugins: plugins.filter((plugin) => matches(([field]) => fieldOf(plugin, field))) };
    },

    async server() {
      const pidNamespace = await stat("/proc/self/ns/pid", { bigint: true });
      return { uuid, pid: BigInt(process.pid), pidns: pidNamespace.ino, deprecations: [] };
    },

    pluginInfo({ type, id, options }) {
      const plugin = plugins.find((each) => each.type === type && each.id === id);
      if (plugin === undefined)
        throw new ContainerdError("NotFound", `plugin ${JSON.stringify(`${type}.${id}`)} not found`);
      if (options !== undefined)
        throw new ContainerdError("Unimplemented", `plugin ${type}.${id} has no more information`);
      return { plugin, extra: undefined };
    },
  };
}

/** As containerd has it: what a plugin has several of is not there for a filter. */
function fieldOf({ type, id }: Plugin, field: string | undefined): string | undefined {
  if (field === "type") return type;
  return field === "id" ? id : undefined;
}
