import type { Reference } from "../oci/index.ts";
import { Authorizer } from "./authorizer.ts";
import { backOff, defaultRetry } from "./backoff.ts";
import { type Endpoint, repositoryUrl } from "./endpoint.ts";
import { asRegistryError, type RegistryError, summarise, throwIfAborted } from "./errors.ts";
import { endpointsFor } from "./hosts.ts";
import { defaultParts, type PartsOptions } from "./parts-options.ts";
import type { PlainHosts } from "./plain-hosts.ts";
import { refusal } from "./refusal.ts";
import type { RegistryOptions, RetryOptions } from "./registry.ts";
import type { RequestLog } from "./request-log.ts";
import { type HttpResponse, type Method, type RequestBody, Transport } from "./transport.ts";

export type RepositoryRequest = {
  readonly method: Method;
  readonly reference: Reference;
  /**
   * A path in the repository, such as `manifests/latest`, or the URL that the registry has given for the next
   * step of an upload.
   */
  readonly path: string | URL;
  readonly headers: Readonly<Record<string, string>>;
  /** Statuses other than 200 that the caller handles. */
  readonly accepted?: readonly number[];
  readonly body?: RequestBody;
  /** Required scopes beyond those in the registry's challenge, see {@link Authorizer}. */
  readonly scopes?: readonly string[];
};

/** One answer to a challenge, and one to a challenge that names more scopes. */
const maxAnswers = 2;

/** Sends requests to the endpoints of repositories, with authentication and retries. */
export class Session implements AsyncDisposable {
  readonly retry: RetryOptions;
  readonly parts: PartsOptions;
  readonly #options: RegistryOptions;
  /** For requests outside of registries. */
  readonly transport: Transport;
  readonly #authorizer: Authorizer;
  readonly #partsByHost = new Map<string, number>();
  readonly #endpoints = new Map<string, Promise<readonly Endpoint[]>>();

  constructor(options: RegistryOptions, knownPlain?: PlainHosts, log?: RequestLog) {
    this.#options = options;
    this.retry = options.retry ?? defaultRetry;
    this.parts = options.parts ?? defaultParts;
    this.transport = new Transport(options.progressTimeoutMs, options.userAgent, knownPlain, log);
    this.#authorizer = new Authorizer(this.transport, options);
  }

  /**
   * The endpoints for a purpose: to serve content, to resolve tags, or to push. A `push` uses only the first
   * host that accepts pushes, as in containerd: half an image on each of two hosts is complete on neither.
   */
  async endpoints(reference: Reference, purpose: "pull" | "resolve" | "push"): Promise<readonly Endpoint[]> {
    let found = this.#endpoints.get(reference.host);
    if (found === undefined) {
      found = endpointsFor(reference.host, this.#options);
      this.#endpoints.set(reference.host, found);
    }
    if (purpose === "push") return (await found).filter((endpoint) => endpoint.pushes).slice(0, 1);
    return (await found).filter((endpoint) => endpoint.pulls && (purpose === "pull" || endpoint.resolves));
  }

  /**
   * Calls `attempt` with one endpoint after the other, and again with those that failed temporarily. Throws a
   * summary of the failures.
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

  /**
   * Reserves a connection for a part, until disposed; undefined if the host already sends the maximum number.
   */
  takePartTurn({ base }: Endpoint): Disposable | undefined {
    const taken = this.#partsByHost.get(base) ?? 0;
    if (taken >= this.parts.most) return undefined;
    this.#partsByHost.set(base, taken + 1);
    return {
      [Symbol.dispose]: () => {
        this.#partsByHost.set(base, (this.#partsByHost.get(base) ?? 1) - 1);
      },
    };
  }

  /**
   * Sends one request to one endpoint. Throws RegistryError for any status other than 200 and the accepted
   * ones.
   */
  async send(
    endpoint: Endpoint,
    request: RepositoryRequest,
    signal: AbortSignal | undefined,
  ): Promise<HttpResponse> {
    const url = urlOf(endpoint, request);
    const isOurs = endpoint.role !== "blob" && url.host === endpoint.host;
    const wanted = { endpoint, reference: request.reference, scopes: request.scopes ?? [] };
    let used = isOurs ? await this.#authorizer.known(wanted) : undefined;
    let response = await this.#sendWith(endpoint, request, url, used, signal);
    for (let answers = 0; answers < maxAnswers; answers++) {
      if (response.status !== 401 || !isOurs || response.url.host !== endpoint.host) break;
      if (answers > 0 && !(await this.#authorizer.wantsMore(wanted, response))) break;
      await response.body.dump();
      used = await this.#authorizer.answer(wanted, response, used, signal);
      response = await this.#sendWith(endpoint, request, url, used, signal);
    }
    if (response.status === 200 || request.accepted?.includes(response.status) === true) return response;
    throw await refusal(response, endpoint, request.scopes === undefined ? "pull" : "push");
  }

  async #sendWith(
    endpoint: Endpoint,
    request: RepositoryRequest,
    url: URL,
    authorization: string | undefined,
    signal: AbortSignal | undefined,
  ): Promise<HttpResponse> {
    return await this.transport.send({
      method: request.method,
      url,
      endpoint,
      headers: {
        ...(url.host === endpoint.host ? endpoint.headers : {}),
        ...request.headers,
        ...(authorization === undefined ? {} : { authorization }),
      },
      ...(request.body === undefined ? {} : { body: request.body }),
      signal,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.transport[Symbol.asyncDispose]();
  }
}

function urlOf(endpoint: Endpoint, { reference, path }: RepositoryRequest): URL {
  return typeof path === "string" ? repositoryUrl(endpoint, reference, path) : path;
}
