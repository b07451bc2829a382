import type { PodSandboxConfig } from "../../../ground/protocol/index.ts";
import type { Handler } from "../../../services/runtime/index.ts";
import { EngineError } from "../../engine/index.ts";
import { podIdMappings } from "../sandbox/user-namespaces.ts";
import type { PodServices } from "../services.ts";

/**
 * The path of the criu with which this handler checkpoints and restores a pod's containers. Throws
 * EngineError: Unimplemented if the handler cannot, or no handler can for this pod; FailedPrecondition
 * without a working criu.
 */
export function criuFor(
  handler: Handler,
  pod: PodSandboxConfig,
  { criu, handlers }: Pick<PodServices, "criu" | "handlers">,
): string {
  if (!handler.features.checkpoint) {
    const able = handlers.handlers.filter(({ features }) => features.checkpoint).map(({ name }) => name);
    const remedy = able.length === 0 ? "install runc" : `pods of handler ${able.join(" or ")} can be`;
    throw new EngineError(
      "Unimplemented",
      `runtime handler ${handler.name} (${handler.path}, version ${handler.version}) is built without support for checkpoint and restore; ${remedy}`,
    );
  }
  // Seen with criu 4.2: with crun it cannot dump bind-mounted devices, and with runc it cannot restore into
  // the pod's network.
  if (podIdMappings(pod) !== undefined)
    throw new EngineError(
      "Unimplemented",
      `runtime handler ${handler.name} cannot checkpoint or restore pods with a user namespace (userns_options), as criu cannot restore their containers; use a pod without a user namespace`,
    );
  if (criu.usability.kind === "usable") return criu.path;
  const { reason, remedy } = criu.usability;
  throw new EngineError("FailedPrecondition", `checkpoint and restore need criu: ${reason}; ${remedy}`);
}
