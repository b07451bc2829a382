import { containerd } from "../../ground/protocol/index.ts";
import { parseReference } from "../../parts/oci/index.ts";
import type { RegistryAccess } from "../../services/images/index.ts";
import { ContainerdError } from "./errors.ts";
import { ofType } from "./messages.ts";
import { RequestLogStream } from "./request-log.ts";
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
  if (Object.keys(headers).length > 0)
    throw new ContainerdError(
      "Unimplemented",
      "OCIRegistry.resolver.headers: headers for requests to registries",
    );
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
  };
}

/**
 * The log of HTTP requests that a client has asked for, for the duration of its transfer. Throws NotFound if
 * its stream is not open, Unimplemented without a stream.
 */
export function requestLogOf(
  { resolver }: Registry,
  streamOf: (id: string) => ClientStream,
  signal: AbortSignal,
): RequestLogStream | undefined {
  if (resolver === undefined || resolver.httpDebug === HTTPDebug.DISABLED) return undefined;
  if (resolver.logsStream === "")
    throw new ContainerdError(
      "Unimplemented",
      "OCIRegistry.resolver.http_debug: a log of requests without a logs_stream",
    );
  return new RequestLogStream(streamOf(resolver.logsStream), signal);
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
      return bearerOf(secret);
    default:
      return undefined;
  }
}

/** The credentials in a header `Authorization`. */
function bearerOf(header: string): RegistryAccess["credentials"] {
  const token = /^Bearer +(\S+)$/i.exec(header)?.[1];
  if (token !== undefined) return { kind: "registryToken", token };
  throw new ContainerdError("Unimplemented", "AuthResponse.secret: the header is not a bearer token");
}
