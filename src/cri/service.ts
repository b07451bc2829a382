import type { ServiceDefinition, UntypedServiceImplementation } from "@grpc/grpc-js";
import type { Calls } from "./calls.ts";
import { CriError } from "./errors.ts";
import type { StreamHandler, UnaryHandler } from "./handlers.ts";

/** What grpc-js registers for a service: its handlers run by `calls`, and UNIMPLEMENTED with the name for methods without one. */
export function implement(
  definition: ServiceDefinition,
  handlers: Readonly<Record<string, unknown>>,
  calls: Calls,
): UntypedServiceImplementation {
  const entries = Object.entries(definition).map(([key, { path, responseStream }]) => {
    const method = path.slice(path.lastIndexOf("/") + 1);
    const handler = handlers[key] ?? (() => unimplemented(path));
    // The types of `Handlers` made sure of these.
    if (responseStream) return [key, calls.stream(method, handler as StreamHandler<unknown, unknown>)];
    return [key, calls.unary(method, handler as UnaryHandler<unknown, unknown>)];
  });
  return Object.fromEntries(entries);
}

function unimplemented(path: string): never {
  throw new CriError("Unimplemented", `${path.slice(1)} is not implemented`);
}
