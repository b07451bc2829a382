import type { Reference } from "../oci/index.ts";
import { readBounded } from "./bounded.ts";
import type { Challenge } from "./challenge.ts";
import { type Endpoint, isLoopback, quoteUrl } from "./endpoint.ts";
import { quoteErrorBody } from "./error-body.ts";
import { RegistryError } from "./errors.ts";
import type { Credentials } from "./registry.ts";
import { mergeScopes, scopesOfChallenge } from "./scopes.ts";
import { bytesBody, type HttpRequest, type Transport } from "./transport.ts";

const maxTokenBytes = 1024 * 1024;
/** The specification's default for a token without an expiry. */
const defaultLifeSeconds = 60;
const clientId = "berth";

/** `expiresAtMs` is in the time of `performance.now()`, which nobody can set. */
export type Token = {
  readonly authorization: string;
  readonly expiresAtMs: number;
  /** The scopes that were requested; it may have been granted fewer. */
  readonly scopes: readonly string[];
};

type TokenRequest = {
  readonly endpoint: Endpoint;
  readonly reference: Reference;
  readonly challenge: Challenge;
  readonly credentials: Credentials | undefined;
  /** Scopes that the requests need in addition to those in the challenge. */
  readonly scopes: readonly string[];
  /** The URL whose request was refused. */
  readonly from: URL;
};

/**
 * Gets a token from the service that a Bearer challenge names: with GET and Basic authentication or none
 * (distribution, spec/auth/token), or with POST and a refresh token (spec/auth/oauth). The service is usually
 * another host, for which the registry vouches; it gets the credentials, too.
 */
export async function fetchToken(
  transport: Transport,
  request: TokenRequest,
  signal: AbortSignal | undefined,
): Promise<Token> {
  const { endpoint, credentials } = request;
  const realm = checkedRealm(request);
  const scopes = scopesOf(request);
  const sent = performance.now();
  const response = await transport.send({
    ...(credentials?.kind === "identityToken"
      ? refreshRequest(request, realm, credentials.token, scopes)
      : getRequest(request, realm, scopes)),
    endpoint,
    signal,
  });
  if (response.status !== 200) {
    const said = await quoteErrorBody(response);
    const refused = [400, 401, 403, 404].includes(response.status);
    throw new RegistryError(
      refused ? "Unauthenticated" : "Unavailable",
      `${endpoint.host}: its token service ${quoteUrl(realm)} answered ${response.status}${said === "" ? "" : ` (${said})`}`,
      { transient: response.status === 429 || response.status >= 500 },
    );
  }
  const bytes = await readBounded(response, maxTokenBytes, "the token");
  return { ...parseToken(bytes, sent, `${endpoint.host}: its token service ${quoteUrl(realm)}`), scopes };
}

function getRequest(
  { challenge, credentials, endpoint }: TokenRequest,
  realm: URL,
  scopes: readonly string[],
): Pick<HttpRequest, "method" | "url" | "headers"> {
  const url = new URL(realm);
  if (challenge.parameters.service !== undefined)
    url.searchParams.set("service", challenge.parameters.service);
  for (const scope of scopes) url.searchParams.append("scope", scope);
  const pair = credentials?.kind === "basic" ? `${credentials.username}:${credentials.password}` : undefined;
  return {
    method: "GET",
    url,
    headers: {
      ...ownHeaders(endpoint, url),
      ...(pair === undefined
        ? {}
        : { authorization: `Basic ${Buffer.from(pair, "utf8").toString("base64")}` }),
    },
  };
}

function refreshRequest(
  { challenge, endpoint }: TokenRequest,
  url: URL,
  refreshToken: string,
  scopes: readonly string[],
): Pick<HttpRequest, "method" | "url" | "headers" | "body" | "keepsTo"> {
  const form = new URLSearchParams({
    grant_type: "refresh_token",
    refresh_token: refreshToken,
    client_id: clientId,
    scope: scopes.join(" "),
    service: challenge.parameters.service ?? "",
  });
  const headers = {
    ...ownHeaders(endpoint, url),
    "content-type": "application/x-www-form-urlencoded",
  };
  const body = Buffer.from(form.toString());
  return { method: "POST", url, headers, body: bytesBody(body), keepsTo: "url" };
}

/** The configured headers of the endpoint, which are sent only to its own host. */
function ownHeaders({ host, headers }: Endpoint, url: URL): Endpoint["headers"] {
  return url.host === host ? headers : {};
}

function scopesOf({ challenge, reference, scopes }: TokenRequest): readonly string[] {
  const asked = mergeScopes([...scopes, ...scopesOfChallenge(challenge)]);
  // A login requests no scope.
  return asked.length > 0 || reference.repository === ""
    ? asked
    : [`repository:${reference.repository}:pull`];
}

/** Checks the URL of the token service: if the registry uses TLS, credentials must not be sent without it. */
function checkedRealm({ endpoint, challenge, credentials, from }: TokenRequest): URL {
  const text = challenge.parameters.realm ?? "";
  const realm = URL.canParse(text) ? new URL(text) : undefined;
  if (realm === undefined || (realm.protocol !== "https:" && realm.protocol !== "http:")) {
    throw new RegistryError(
      "Unauthenticated",
      `${endpoint.host}: its token service is not at an http or https URL`,
    );
  }
  if (
    realm.protocol === "http:" &&
    from.protocol === "https:" &&
    credentials !== undefined &&
    !isLoopback(realm.host)
  ) {
    throw new RegistryError(
      "Unauthenticated",
      `${endpoint.host}: its token service ${quoteUrl(realm)} does not use TLS; refusing to send credentials`,
    );
  }
  realm.username = "";
  realm.password = "";
  return realm;
}

function parseToken(bytes: Uint8Array, sentAtMs: number, who: string): Omit<Token, "scopes"> {
  let answer: unknown;
  try {
    answer = JSON.parse(Buffer.from(bytes).toString("utf8"));
  } catch {
    // The parser's message is left out, as it quotes the text, which may contain a token.
    throw new RegistryError("Unauthenticated", `${who} answered something that is not JSON`);
  }
  const { token, access_token, expires_in } = (answer ?? {}) as Readonly<Record<string, unknown>>;
  const value = typeof access_token === "string" && access_token !== "" ? access_token : token;
  if (typeof value !== "string" || !/^[\x21-\x7e]+$/.test(value)) {
    throw new RegistryError("Unauthenticated", `${who} sent no token`);
  }
  const lifeSeconds = typeof expires_in === "number" && expires_in > 0 ? expires_in : defaultLifeSeconds;
  return { authorization: `Bearer ${value}`, expiresAtMs: sentAtMs + lifeSeconds * 1000 };
}
