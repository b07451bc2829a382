import type { Logger } from "../../ground/logging/index.ts";
import { containerd } from "../../ground/protocol/index.ts";
import { parseReference } from "../../parts/oci/index.ts";
import type { RegistryAccess } from "../../services/images/index.ts";
import { ContainerdError } from "./errors.ts";
import { ofType } from "./messages.ts";
import { type RequestLog, RequestLogStream } from "./request-log.ts";
import type { ClientStream } from "./streams.ts";

const { AuthRequest, AuthResponse, AuthType, HTTPDebug } = containerd.transferRegistries;

type Registry = containerd.transferRegistries.OCIRegistry;

/**
 * How to access a client's registry. Requests its credentials at once, over its stream. Throws
 * InvalidArgument, and Unimplemented for options that would otherwise be silently ignored.
 */
export async function accessTo(
  { reference, resolver }: Registry,
  streamOf: (id: string) => ClientStream,
  signal: AbortSignal,
): Promise<RegistryAccess> {
  if (resolver === undefined) return { credentials: undefined };
  const { authStream, headers, hostDir, defaultScheme } = resolver;
  if (!["", "http", "https"].includes(defaultScheme))
    throw new ContainerdError(
      "InvalidArgument",
      `OCIRegistry.resolver.default_scheme: ${JSON.stringify(defaultScheme)} is neither http nor https`,
    );
  return {
    credentials:
      authStream === "" ? undefined : await askedCredentials(reference, streamOf(authStream), signal),
    ...(hostDir === "" ? {} : { certsDirs: [hostDir] }),
    plainHttp: defaultScheme === "http",
    headers: checkHeaders(headers),
  };
}

/** What HTTP itself sets. */
const ownHeaders: ReadonlySet<string> = new Set([
  ...["connection", "content-length", "expect", "host", "keep-alive", "proxy-connection"],
  ...["te", "trailer", "transfer-encoding", "upgrade"],
]);

/** Throws InvalidArgument for a header that no request could have. */
function checkHeaders(headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const entries = Object.entries(headers).map(([given, value]) => {
    const name = given.toLowerCase();
    if (
      !/^[!#$%&'*+.^_`|~0-9a-z-]+$/.test(name) ||
      ownHeaders.has(name) ||
      !/^[\t\x20-\x7e\x80-\xff]*$/.test(value)
    )
      throw new ContainerdError(
        "InvalidArgument",
        `OCIRegistry.resolver.headers: ${JSON.stringify(given)} cannot be sent`,
      );
    return [name, value] as const;
  });
  return Object.fromEntries(entries);
}

/**
 * The log of HTTP requests that a client has asked for, for the duration of its transfer: on its stream, or
 * without one in the daemon's log. Throws NotFound if its stream is not open.
 */
export function requestLogOf(
  { resolver, reference }: Registry,
  streamOf: (id: string) => ClientStream,
  { logger, signal }: { readonly logger: Logger; readonly signal: AbortSignal },
): RequestLog | undefined {
  if (resolver === undefined || resolver.httpDebug === HTTPDebug.DISABLED) return undefined;
  if (resolver.logsStream !== "") return new RequestLogStream(streamOf(resolver.logsStream), signal);
  return {
    add: (text) => logger.info({ reference, text }, "request to a registry, logged for its client"),
    [Symbol.asyncDispose]: async () => undefined,
  };
}

async function askedCredentials(
  reference: string,
  stream: ClientStream,
  signal: AbortSignal,
): Promise<RegistryAccess["credentials"]> {
  const request = AuthRequest.fromPartial({ host: parseReference(reference).host, reference });
  const value = Buffer.from(AuthRequest.encode(request).finish());
  await stream.send({ typeUrl: "containerd.types.transfer.AuthRequest", value }, signal);
  const answer = await stream.receive(signal);
  if (answer === undefined) return undefined;
  const { authType, username, secret } = ofType(
    answer,
    "containerd.types.transfer.AuthResponse",
    AuthResponse,
  );
  switch (authType) {
    case AuthType.CREDENTIALS:
      return { kind: "basic", username, password: secret };
    case AuthType.REFRESH:
      return secret === "" ? undefined : { kind: "identityToken", token: secret };
    case AuthType.HEADER:
      return ofHeader(secret);
    default:
      return undefined;
  }
}

/**
 * The credentials of an `Authorization` header: a user's are also for a token service, others are sent as
 * they are. Throws InvalidArgument.
 */
function ofHeader(header: string): RegistryAccess["credentials"] {
  const [, basic] = /^Basic +(\S+)$/i.exec(header) ?? [];
  if (basic !== undefined) {
    const [username = "", ...password] = Buffer.from(basic, "base64").toString().split(":");
    return { kind: "basic", username, password: password.join(":") };
  }
  if (!/^[\x21-\x7e]+ [\t\x20-\x7e\x80-\xff]+$/.test(header))
    throw new ContainerdError(
      "InvalidArgument",
      "AuthResponse.secret: the header must be a scheme, a space and its parameters",
    );
  return { kind: "header", value: header };
}
