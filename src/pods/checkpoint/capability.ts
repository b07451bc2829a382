import { EngineError } from "../../engine/index.ts";
import type { Handler } from "../../runtime/index.ts";
import type { PodServices } from "../services.ts";

/**
 * The path of a criu by which this handler takes checkpoints and restores them. Throws EngineError: Unimplemented for a
 * handler that cannot, FailedPrecondition where there is no criu that works.
 */
export function criuFor(
  handler: Handler,
  { criu, handlers }: Pick<PodServices, "criu" | "handlers">,
): string {
  if (!handler.features.checkpoint) {
    const able = handlers.handlers.filter(({ features }) => features.checkpoint).map(({ name }) => name);
    const remedy = able.length === 0 ? "install runc" : `pods of handler ${able.join(" or ")} can be`;
    throw new EngineError(
      "Unimplemented",
      `runtime handler ${handler.name} (${handler.path}, version ${handler.version}) is built without checkpoint and restore; ${remedy}`,
    );
  }
  if (criu.usability.kind === "usable") return criu.path;
  const { reason, remedy } = criu.usability;
  throw new EngineError("FailedPrecondition", `checkpoint and restore need criu: ${reason}; ${remedy}`);
}
