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
   * Within the repository, `manifests/latest`; or what the registry itself has named for the next step of an
   * upload.
   */
  readonly path: string | URL;
  readonly headers: Readonly<Record<string, string>>;
  /** Answers that the caller deals with itself, besides 200. */
  readonly accepted?: readonly number[];
  readonly body?: RequestBody;
  /**
   * What its token must be good for, where that is more than the challenge of a registry names; see
   * {@link Authorizer}.
   */
  readonly scopes?: readonly string[];
};

/** To a challenge, and to one for more than the first named. */
const maxAnswers = 2;

/** Requests to the endpoints of repositories, with authentication and one way of retrying. */
export class Session implements AsyncDisposable {
  readonly retry: RetryOptions;
  readonly parts: PartsOptions;
  readonly #options: RegistryOptions;
  /** For what is no registry's. */
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
   * The endpoints that may serve the reference's content, or, to `resolve`, say what its tag means. A `push`
   * goes to the first that takes it and to no other, as containerd has it: half an image on each of two hosts
   * is one on none.
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
   * Tries `attempt` on one endpoint after the other, and again on those that failed in passing. Throws the
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

  /** To be disposed of when the part is there; undefined while the host sends as many as there may be. */
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

  /** One request to one endpoint. Throws RegistryError for any answer but 200 and the accepted ones. */
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
