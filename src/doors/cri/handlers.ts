import type { CallContext, Handlers, UnaryHandler } from "../../ground/grpc/index.ts";
import {
  type ImageServiceService,
  ownerMetadata,
  type RuntimeServiceService,
} from "../../ground/protocol/index.ts";
import { CriError } from "./errors.ts";
import type { RequestCheck } from "./validate/index.ts";

/** What a handler knows about its call in addition to the request. */
export type CriCall = CallContext & {
  /** The client's owner name (gRPC metadata `berth-owner`); "" for kubelets, which send none. */
  readonly owner: string;
};

export type RuntimeHandlers = Handlers<typeof RuntimeServiceService, CriCall>;
export type ImageHandlers = Handlers<typeof ImageServiceService, CriCall>;

/** Puts a request's check in front of a unary handler. */
export function checked<Request, Checked extends Request, Response>(
  check: RequestCheck<Request, Checked>,
  handler: UnaryHandler<Checked, Response, CriCall>,
): UnaryHandler<Request, Response, CriCall> {
  return (request, call) => handler(check(request), call);
}

/**
 * Wraps handlers that need the owner for the server. Each throws CriError InvalidArgument for an invalid
 * owner.
 */
export function withOwner<Definition>(handlers: Handlers<Definition, CriCall>): Handlers<Definition> {
  type Handler = (request: unknown, call: CallContext) => unknown;
  const entries = Object.entries(
    handlers as Readonly<Record<string, (request: unknown, call: CriCall) => unknown>>,
  );
  const told = entries.map(([method, handler]): [string, Handler] => [
    method,
    (request, call) => handler(request, { ...call, owner: ownerIn(call) }),
  ]);
  return Object.fromEntries(told) as Handlers<Definition>;
}

/** The last value, as in HTTP; it must be valid as a label. */
function ownerIn({ metadata }: CallContext): string {
  const owner = String(metadata.get(ownerMetadata).at(-1) ?? "");
  if (/^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)?$/.test(owner)) return owner;
  throw new CriError(
    "InvalidArgument",
    `metadata ${ownerMetadata}: ${JSON.stringify(owner)} is not a valid name: use up to 63 lower-case letters, digits and "-"`,
  );
}
