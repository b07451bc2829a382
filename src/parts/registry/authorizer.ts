import { raceAbort } from "../../ground/sync/index.ts";
import type { Reference } from "../oci/index.ts";
import { type Challenge, parseChallenges } from "./challenge.ts";
import { credentialsFor } from "./credentials.ts";
import type { Endpoint } from "./endpoint.ts";
import { RegistryError } from "./errors.ts";
import type { Credentials, RegistryOptions } from "./registry.ts";
import { fetchToken, type Token } from "./token.ts";
import type { HttpResponse, Transport } from "./transport.ts";

/**
 * Answers the challenges of endpoints (RFC 7617 Basic, and the distribution project's Bearer tokens) and remembers
 * the answers, so that only the first request to a repository is refused. Requests that are refused at the same time
 * share one new token.
 */
export class Authorizer {
  readonly #transport: Transport;
  readonly #options: RegistryOptions;
  readonly #answers = new Map<string, Promise<Token>>();

  constructor(transport: Transport, options: RegistryOptions) {
    this.#transport = transport;
    this.#options = options;
  }

  /** The Authorization header that the endpoint is known to want. */
  async known(endpoint: Endpoint, reference: Reference): Promise<string | undefined> {
    const key = keyOf(endpoint, reference);
    const answer = await this.#answers.get(key);
    if (answer === undefined) return undefined;
    if (answer.expiresAtMs > performance.now()) return answer.authorization;
    this.#answers.delete(key);
    return undefined;
  }

  /** An answer to a 401 for a request that was sent with `used`. Throws RegistryError Unauthenticated when there is none. */
  async answer(
    endpoint: Endpoint,
    reference: Reference,
    refused: HttpResponse,
    used: string | undefined,
    signal: AbortSignal | undefined,
  ): Promise<string> {
    const key = keyOf(endpoint, reference);
    const current = this.#answers.get(key);
    const other = current === undefined ? undefined : (await raceAbort(current, signal)).authorization;
    if (other !== undefined && other !== used) return other;
    // Others wait for it too: it does not end with the request that happens to be the first.
    const fresh = this.#obtain(endpoint, reference, refused);
    this.#answers.set(key, fresh);
    fresh.catch(() => {
      if (this.#answers.get(key) === fresh) this.#answers.delete(key);
    });
    return (await raceAbort(fresh, signal)).authorization;
  }

  async #obtain(endpoint: Endpoint, reference: Reference, refused: HttpResponse): Promise<Token> {
    const credentials = await credentialsFor(endpoint, reference, this.#options, undefined);
    const challenges = parseChallenges(refused.headers["www-authenticate"]);
    const bearer = challenges.find(({ scheme }) => scheme === "bearer");
    if (bearer !== undefined)
      return await this.#bearer(endpoint, reference, bearer, credentials, refused.url);
    if (challenges.some(({ scheme }) => scheme === "basic")) return basic(endpoint, credentials);
    const offered = challenges.map(({ scheme }) => scheme).join(", ") || "none";
    throw new RegistryError(
      "Unauthenticated",
      `${endpoint.host}: wants authentication in a way that is not supported (offered: ${offered})`,
    );
  }

  async #bearer(
    endpoint: Endpoint,
    reference: Reference,
    challenge: Challenge,
    credentials: Credentials | undefined,
    from: URL,
  ): Promise<Token> {
    if (credentials?.kind === "registryToken") {
      return { authorization: `Bearer ${credentials.token}`, expiresAtMs: Number.POSITIVE_INFINITY };
    }
    return await fetchToken(
      this.#transport,
      { endpoint, reference, challenge, credentials, from },
      undefined,
    );
  }
}

function keyOf(endpoint: Endpoint, reference: Reference): string {
  return `${endpoint.base} ${reference.repository}`;
}

function basic(endpoint: Endpoint, credentials: Credentials | undefined): Token {
  if (credentials?.kind !== "basic") {
    throw new RegistryError(
      "Unauthenticated",
      `${endpoint.host}: wants a user name and password, and none are known for it`,
    );
  }
  const pair = Buffer.from(`${credentials.username}:${credentials.password}`, "utf8").toString("base64");
  return { authorization: `Basic ${pair}`, expiresAtMs: Number.POSITIVE_INFINITY };
}
