import type { ServiceDefinition } from "@grpc/grpc-js";
import type { ServedMethod } from "./calls.ts";
import { GrpcError } from "./errors.ts";
import type { Handlers } from "./handlers.ts";
import { type AnyHandler, serving } from "./kinds.ts";

/** A service that a door gives the server; created by {@link defineService}. */
export type GrpcService = {
  readonly definition: ServiceDefinition;
  readonly handlers: Readonly<Record<string, AnyHandler | undefined>>;
  readonly traits: ServiceTraits;
};

/** Methods by their names in the definition. */
export type ServiceTraits<Method = string> = {
  /** Polled by clients: logged at level info only when they fail. */
  readonly quiet?: readonly Method[];
  /** Run until their client ends them. A stopping server does not wait for them, but ends them at once. */
  readonly endless?: readonly Method[];
  /**
   * Streams of large messages: each is sent before the handler is resumed for the next, so that few wait in
   * memory, and the handler may reuse a message's memory.
   */
  readonly oneByOne?: readonly Method[];
};

/**
 * Creates a service with handlers that match its definition.
 *
 *     defineService(EchoService, { say: ({ text }) => ({ text }) }, { quiet: ["say"] })
 */
export function defineService<Definition extends ServiceDefinition>(
  definition: Definition,
  handlers: Handlers<Definition>,
  traits: ServiceTraits<keyof Definition & string> = {},
): GrpcService {
  // The type `Handlers` ensures that each is of its method's kind.
  return { definition, handlers: handlers as GrpcService["handlers"], traits };
}

/** The full name of a service, which its methods' paths begin with. */
export function serviceName(definition: ServiceDefinition): string {
  return Object.values(definition)[0]?.path.split("/")[1] ?? "";
}

/**
 * The methods of a service by their paths: each with its handler, or one that answers UNIMPLEMENTED with its
 * name.
 */
export function methodsOf({ definition, handlers, traits }: GrpcService): Map<string, ServedMethod> {
  const service = serviceName(definition);
  return new Map(
    Object.entries(definition).map(([key, described]) => {
      const { path } = described;
      const method = {
        service,
        name: path.slice(path.lastIndexOf("/") + 1),
        quiet: traits.quiet?.includes(key) === true,
        endless: traits.endless?.includes(key) === true,
      };
      const kind = { ...described, oneByOne: traits.oneByOne?.includes(key) === true };
      return [path, { method, serve: serving(kind, handlers[key] ?? (() => unimplemented(path))) }];
    }),
  );
}

function unimplemented(path: string): never {
  throw new GrpcError("Unimplemented", `${path.slice(1)} is not implemented`);
}
