import { raceAbort } from "../../ground/sync/index.ts";
import type { Reference } from "../oci/index.ts";
import { type Challenge, parseChallenges } from "./challenge.ts";
import { credentialsFor } from "./credentials.ts";
import type { Endpoint } from "./endpoint.ts";
import { RegistryError } from "./errors.ts";
import type { Credentials, RegistryOptions } from "./registry.ts";
import { areCovered, scopesOfChallenge } from "./scopes.ts";
import { fetchToken, type Token } from "./token.ts";
import type { HttpResponse, Transport } from "./transport.ts";

/** The endpoint and the required access. Requests with the same requirements share a token. */
export type Wanted = {
  readonly endpoint: Endpoint;
  readonly reference: Reference;
  /**
   * Scopes to request in addition to those in challenges: a registry's challenge names what this request
   * needs, which may be less than the next one does.
   */
  readonly scopes: readonly string[];
};

/**
 * Answers the challenges of endpoints (RFC 7617 Basic, and the distribution project's Bearer tokens) and
 * caches the answers, so that only the first request to a repository is refused. Concurrently refused
 * requests share one new token.
 */
export class Authorizer {
  readonly #transport: Transport;
  readonly #options: RegistryOptions;
  readonly #answers = new Map<string, Promise<Token>>();

  constructor(transport: Transport, options: RegistryOptions) {
    this.#transport = transport;
    this.#options = options;
  }

  /** The Authorization header from the cache, if there is one. */
  async known(wanted: Wanted): Promise<string | undefined> {
    const key = keyOf(wanted);
    const answer = await this.#answers.get(key);
    if (answer === undefined) return undefined;
    if (answer.expiresAtMs > performance.now()) return answer.authorization;
    this.#answers.delete(key);
    return undefined;
  }

  /**
   * Answers a 401 for a request that was sent with the header `used`. Throws RegistryError Unauthenticated if
   * there is no answer.
   */
  async answer(
    wanted: Wanted,
    refused: HttpResponse,
    used: string | undefined,
    signal: AbortSignal | undefined,
  ): Promise<string> {
    const key = keyOf(wanted);
    const current = this.#answers.get(key);
    const other = current === undefined ? undefined : await raceAbort(current, signal);
    if (other !== undefined && other.authorization !== used) return other.authorization;
    // Other requests wait for it, too, so it is not aborted with the request that happens to be the first.
    const scopes = [...wanted.scopes, ...(other?.scopes ?? [])];
    const fresh = this.#obtain({ ...wanted, scopes }, refused);
    this.#answers.set(key, fresh);
    fresh.catch(() => {
      if (this.#answers.get(key) === fresh) this.#answers.delete(key);
    });
    return (await raceAbort(fresh, signal)).authorization;
  }

  /** Whether a challenge requires a scope for which the refused token was not requested. */
  async wantsMore(wanted: Wanted, refused: HttpResponse): Promise<boolean> {
    const token = await this.#answers.get(keyOf(wanted));
    const bearer = parseChallenges(refused.headers["www-authenticate"]).find(
      ({ scheme }) => scheme === "bearer",
    );
    return (
      token !== undefined && bearer !== undefined && !areCovered(scopesOfChallenge(bearer), token.scopes)
    );
  }

  async #obtain(wanted: Wanted, refused: HttpResponse): Promise<Token> {
    const { endpoint, reference } = wanted;
    const credentials = await credentialsFor(endpoint, reference, this.#options, undefined);
    const challenges = parseChallenges(refused.headers["www-authenticate"]);
    const bearer = challenges.find(({ scheme }) => scheme === "bearer");
    if (credentials?.kind === "header") return lasting(credentials.value, scopesFor(wanted, bearer));
    if (bearer !== undefined) return await this.#bearer(wanted, bearer, credentials, refused.url);
    if (challenges.some(({ scheme }) => scheme === "basic")) return basic(endpoint, credentials);
    const offered = challenges.map(({ scheme }) => scheme).join(", ") || "none";
    throw new RegistryError(
      "Unauthenticated",
      `${endpoint.host}: no supported authentication scheme (offered: ${offered})`,
    );
  }

  async #bearer(
    wanted: Wanted,
    challenge: Challenge,
    credentials: Credentials | undefined,
    from: URL,
  ): Promise<Token> {
    if (credentials?.kind === "registryToken")
      return lasting(`Bearer ${credentials.token}`, scopesFor(wanted, challenge));
    return await fetchToken(this.#transport, { ...wanted, challenge, credentials, from }, undefined);
  }
}

function keyOf({ endpoint, reference, scopes }: Wanted): string {
  return [endpoint.base, reference.repository, ...scopes].join(" ");
}

/** What credentials that are sent as they are must do for. */
function scopesFor({ scopes }: Wanted, challenge: Challenge | undefined): readonly string[] {
  return [...scopes, ...(challenge === undefined ? [] : scopesOfChallenge(challenge))];
}

/** A token that does not expire, for credentials that are sent as they are. */
function lasting(authorization: string, scopes: readonly string[]): Token {
  return { authorization, expiresAtMs: Number.POSITIVE_INFINITY, scopes };
}

function basic(endpoint: Endpoint, credentials: Credentials | undefined): Token {
  if (credentials?.kind !== "basic") {
    throw new RegistryError(
      "Unauthenticated",
      `${endpoint.host}: needs a user name and password, but no credentials are configured for it`,
    );
  }
  const pair = Buffer.from(`${credentials.username}:${credentials.password}`, "utf8").toString("base64");
  return lasting(`Basic ${pair}`, []);
}
