import type { containerd } from "../../ground/protocol/index.ts";
import type { TaskUpdate } from "../../services/runtime/index.ts";
import { ContainerdError } from "./errors.ts";

/**
 * What an OCI runtime can change of a container that runs: runtime-spec, config-linux.md, `resources`, in
 * JSON. Rules for devices, which clients send along with all else, hold as they are. Throws InvalidArgument.
 */
export function limitsOf(
  containerId: string,
  resources: containerd.types.Any | undefined,
): TaskUpdate["limits"] {
  if (resources === undefined)
    throw new ContainerdError(
      "InvalidArgument",
      `update of container ${containerId}: resources: must be set`,
    );
  const { devices: _, ...limits } = parse(containerId, resources.value);
  return limits;
}

function parse(
  containerId: string,
  value: Uint8Array,
): TaskUpdate["limits"] & { readonly devices?: unknown } {
  try {
    const parsed: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(value));
    if (typeof parsed === "object" && parsed !== null && !Array.isArray(parsed)) return parsed;
    throw new TypeError("no object");
  } catch (cause) {
    throw new ContainerdError(
      "InvalidArgument",
      `update of container ${containerId}: resources: not those of an OCI specification in JSON`,
      { cause },
    );
  }
}
