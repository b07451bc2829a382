import { findHandler, type Handler, type HandlerTable } from "../../services/runtime/index.ts";
import { EngineError } from "../engine/index.ts";

/**
 * The handler with that name; "" is the default. Throws EngineError: InvalidArgument if it is unknown,
 * FailedPrecondition if this host cannot use it.
 */
export function usableHandler(table: HandlerTable, name: string): Handler {
  const handler = findHandler(table, name);
  if (handler === undefined) {
    const known = table.handlers.map((each) => each.name).join(", ");
    throw new EngineError(
      "InvalidArgument",
      `runtime handler ${JSON.stringify(name)} not found; available: ${known}`,
    );
  }
  if (handler.usability.kind === "unusable") {
    const { reason, remedy } = handler.usability;
    throw new EngineError(
      "FailedPrecondition",
      `runtime handler ${handler.name} cannot be used: ${reason}; ${remedy}`,
    );
  }
  return handler;
}
