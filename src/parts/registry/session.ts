import type { Reference } from "../oci/index.ts";
import { Authorizer } from "./authorizer.ts";
import { backOff, defaultRetry, parseRetryAfter } from "./backoff.ts";
import { type Endpoint, repositoryUrl } from "./endpoint.ts";
import { quoteErrorBody } from "./error-body.ts";
import { asRegistryError, RegistryError, summarise, throwIfAborted } from "./errors.ts";
import { endpointsFor } from "./hosts.ts";
import type { RegistryOptions, RetryOptions } from "./registry.ts";
import { type HttpResponse, Transport } from "./transport.ts";

export type RepositoryRequest = {
  readonly method: "GET" | "HEAD";
  readonly reference: Reference;
  /** Within the repository: `manifests/latest`. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Answers that the caller deals with itself, besides 200. */
  readonly accepted?: readonly number[];
};

/** Requests to the endpoints of repositories, with authentication and one way of retrying. */
export class Session implements AsyncDisposable {
  readonly retry: RetryOptions;
  readonly #options: RegistryOptions;
  readonly #transport: Transport;
  readonly #authorizer: Authorizer;
  readonly #endpoints = new Map<string, Promise<readonly Endpoint[]>>();

  constructor(options: RegistryOptions) {
    this.#options = options;
    this.retry = options.retry ?? defaultRetry;
    this.#transport = new Transport(options.progressTimeoutMs, options.userAgent);
    this.#authorizer = new Authorizer(this.#transport, options);
  }

  /** The endpoints that may serve the reference's content, or, to `resolve`, say what its tag means. */
  async endpoints(reference: Reference, purpose: "pull" | "resolve"): Promise<readonly Endpoint[]> {
    let found = this.#endpoints.get(reference.host);
    if (found === undefined) {
      found = endpointsFor(reference.host, this.#options.certsDirs);
      this.#endpoints.set(reference.host, found);
    }
    return (await found).filter((endpoint) => endpoint.pulls && (purpose === "pull" || endpoint.resolves));
  }

  /**
   * Tries `attempt` on one endpoint after the other, and again on those that failed in passing. Throws the summary of
   * the failures.
   */
  async tryEndpoints<T>(
    what: string,
    endpoints: readonly Endpoint[],
    signal: AbortSignal | undefined,
    attempt: (endpoint: Endpoint) => Promise<T>,
  ): Promise<T> {
    const failures = new Map<string, RegistryError>();
    for (let round = 1; ; round++) {
      for (const endpoint of endpoints) {
        if (failures.get(endpoint.base)?.transient === false) continue;
        throwIfAborted(signal, what);
        try {
          return await attempt(endpoint);
        } catch (error) {
          throwIfAborted(signal, what);
          failures.set(endpoint.base, asRegistryError(error, endpoint.host));
        }
      }
      const passing = [...failures.values()].filter(({ transient }) => transient);
      if (passing.length === 0 || round >= this.retry.tries) throw summarise(what, failures);
      const asked = passing.map(({ retryAfterMs }) => retryAfterMs ?? 0);
      await backOff(this.retry, round, Math.min(...asked), signal);
    }
  }

  /** One request to one endpoint. Throws RegistryError for any answer but 200 and the accepted ones. */
  async send(
    endpoint: Endpoint,
    request: RepositoryRequest,
    signal: AbortSignal | undefined,
  ): Promise<HttpResponse> {
    const { reference } = request;
    const isOurs = endpoint.role !== "blob";
    const known = isOurs ? await this.#authorizer.known(endpoint, reference) : undefined;
    let response = await this.#sendWith(endpoint, request, known, signal);
    if (response.status === 401 && isOurs && response.url.host === endpoint.host) {
      await response.body.dump();
      const answer = await this.#authorizer.answer(endpoint, reference, response, known, signal);
      response = await this.#sendWith(endpoint, request, answer, signal);
    }
    if (response.status === 200 || request.accepted?.includes(response.status) === true) return response;
    throw await refusal(response, endpoint);
  }

  async #sendWith(
    endpoint: Endpoint,
    request: RepositoryRequest,
    authorization: string | undefined,
    signal: AbortSignal | undefined,
  ): Promise<HttpResponse> {
    return await this.#transport.send({
      method: request.method,
      url: repositoryUrl(endpoint, request.reference, request.path),
      endpoint,
      headers: {
        ...endpoint.headers,
        ...request.headers,
        ...(authorization === undefined ? {} : { authorization }),
      },
      signal,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#transport[Symbol.asyncDispose]();
  }
}

async function refusal(response: HttpResponse, endpoint: Endpoint): Promise<RegistryError> {
  const said = await quoteErrorBody(response);
  const detail = said === "" ? "" : ` (${said})`;
  const { status } = response;
  const elsewhere = response.url.host === endpoint.host ? "" : ` (redirected to ${response.url.host})`;
  const who = `${endpoint.host}${elsewhere}`;
  switch (status) {
    case 401:
      return new RegistryError(
        "Unauthenticated",
        `${who}: pull access denied, the repository does not exist or wants other credentials${detail}`,
      );
    case 403:
      return new RegistryError("PermissionDenied", `${who}: forbidden${detail}`);
    case 404:
      return new RegistryError("NotFound", `${who}: not found${detail}`);
    case 429:
      return new RegistryError("ResourceExhausted", `${who}: too many requests${detail}`, {
        transient: true,
        retryAfterMs: parseRetryAfter(response.headers["retry-after"]),
      });
    default:
      return new RegistryError("Unavailable", `${who}: answered ${status}${detail}`, {
        transient: status === 408 || status >= 500,
        retryAfterMs: parseRetryAfter(response.headers["retry-after"]),
      });
  }
}
