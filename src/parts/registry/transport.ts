import type { Readable } from "node:stream";
import type { Dispatcher } from "undici";
import { makeDispatcher } from "./dispatcher.ts";
import { type Endpoint, quoteUrl } from "./endpoint.ts";
import { asRegistryError, errorCode, RegistryError } from "./errors.ts";
import type { PlainHosts } from "./plain-hosts.ts";
import { proxyFor } from "./proxy.ts";
import { answerText, type RequestLog, requestText } from "./request-log.ts";
import { loadRequest } from "./undici-parts.ts";

const maxRedirects = 10;

/**
 * Stream buffer limit in bytes: reading pauses while a chunk is waiting, because a second one would be copied
 * together with it.
 */
const oneChunk = 1;

export type Method = "GET" | "HEAD" | "POST" | "PUT" | "PATCH";

/** The body of a request. It is opened again after a redirect. */
export type RequestBody = {
  readonly sizeBytes: number;
  open(): AsyncIterable<Uint8Array> | Uint8Array;
};

export type HttpRequest = {
  readonly method: Method;
  readonly url: URL;
  /** The endpoint whose TLS settings, headers and time limits apply. */
  readonly endpoint: Endpoint;
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: RequestBody;
  /** Whether the body is secret, and must be sent only to this URL. */
  readonly keepsTo?: "url";
  readonly signal: AbortSignal | undefined;
};

export type HttpResponse = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Dispatcher.ResponseData["body"];
  /** The URL of the response, after redirects. */
  readonly url: URL;
};

/** Sends requests and follows redirects. Keeps connections open until it is disposed of. */
export class Transport implements AsyncDisposable {
  readonly #progressTimeoutMs: number;
  readonly #userAgent: string;
  readonly #dispatchers = new Map<string, Promise<Dispatcher>>();
  /** Endpoints that turned out not to support TLS and allow plain HTTP. */
  readonly #plain = new Set<string>();

  readonly #knownPlain: PlainHosts | undefined;

  readonly #log: RequestLog | undefined;

  /** `knownPlain`: what other transports have found out about hosts. */
  constructor(progressTimeoutMs: number, userAgent: string, knownPlain?: PlainHosts, log?: RequestLog) {
    this.#progressTimeoutMs = progressTimeoutMs;
    this.#userAgent = userAgent;
    this.#knownPlain = knownPlain;
    this.#log = log;
  }

  /**
   * Sends a request. Its headers go only to its own host: after a redirect to another host, neither they nor
   * the client certificate are sent. Redirects from https to http are rejected. Throws RegistryError.
   */
  async send(first: HttpRequest): Promise<HttpResponse> {
    const { endpoint } = first;
    let url = this.#isPlain(endpoint) && first.url.host === endpoint.host ? plain(first.url) : first.url;
    for (let hop = 0; hop <= maxRedirects; hop++) {
      let response: HttpResponse;
      try {
        response = await this.#sendOnce(first, url);
      } catch (error) {
        if (!mayFallBack(endpoint, url, error)) throw asRegistryError(error, reached(url, first.url));
        this.#plain.add(endpoint.base);
        this.#knownPlain?.add(endpoint.base, endpoint.host);
        url = plain(url);
        continue;
      }
      const location = redirectTarget(response);
      if (location === undefined || !mayFollow(first, response)) return response;
      await response.body.dump();
      url = redirected(url, location);
    }
    throw new RegistryError("FailedPrecondition", `${first.url.host}: more than ${maxRedirects} redirects`);
  }

  #isPlain({ base, plainHttpFallback }: Endpoint): boolean {
    return this.#plain.has(base) || (plainHttpFallback && this.#knownPlain?.has(base) === true);
  }

  async #sendOnce(first: HttpRequest, url: URL): Promise<HttpResponse> {
    const request = await loadRequest();
    const dispatcher = await this.#dispatcher(first.endpoint, url);
    const asked = {
      "user-agent": this.#userAgent,
      "accept-encoding": "identity",
      ...(url.host === first.url.host ? mutable(first.headers) : withoutSecrets(first.headers)),
      ...(first.body === undefined ? {} : { "content-length": String(first.body.sizeBytes) }),
    };
    this.#log?.(requestText(first.method, url, asked));
    const { statusCode, headers, body } = await request.call(dispatcher, {
      origin: url.origin,
      path: `${url.pathname}${url.search}`,
      method: first.method,
      headers: asked,
      body: openBody(first.body),
      signal: first.signal ?? null,
      headersTimeout: this.#progressTimeoutMs,
      bodyTimeout: this.#progressTimeoutMs,
      highWaterMark: oneChunk,
    });
    this.#log?.(answerText(statusCode, headers));
    return { status: statusCode, headers, body, url };
  }

  #dispatcher(endpoint: Endpoint, url: URL): Promise<Dispatcher> {
    const own = url.host === endpoint.host;
    const proxy = proxyFor(url);
    const plain = url.protocol === "http:";
    const key = JSON.stringify([endpoint.tls, endpoint.dialTimeoutMs, own, plain, proxy?.href]);
    const known = this.#dispatchers.get(key);
    if (known !== undefined) return known;
    const made = makeDispatcher(endpoint, { own, plain, proxy });
    this.#dispatchers.set(key, made);
    return made;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const made = await Promise.allSettled(this.#dispatchers.values());
    this.#dispatchers.clear();
    await Promise.all(
      made.map((result) => (result.status === "fulfilled" ? result.value.destroy() : undefined)),
    );
  }
}

export function bytesBody(bytes: Uint8Array): RequestBody {
  return { sizeBytes: bytes.length, open: () => bytes };
}

/** Discards a response whose body is not needed. */
export function discard({ body }: HttpResponse): void {
  // Destroying a stream before its end emits an error; here it is intended.
  body.on("error", () => undefined);
  body.destroy();
}

/** Names the host, and the one that redirected to it, for messages. */
export function reached({ host }: URL, { host: asked }: Pick<URL, "host">): string {
  return host === asked ? host : `${asked} (redirected to ${host})`;
}

function mayFallBack(endpoint: Endpoint, url: URL, error: unknown): boolean {
  const notTls = ["ERR_SSL_WRONG_VERSION_NUMBER", "ERR_SSL_PACKET_LENGTH_TOO_LONG", "EPROTO"];
  const ambiguous = endpoint.plainHttpFallback && url.host === endpoint.host && url.protocol === "https:";
  return ambiguous && notTls.includes(errorCode(error));
}

function plain(url: URL): URL {
  const other = new URL(url);
  other.protocol = "http:";
  return other;
}

/**
 * Opens a body. An empty one becomes an empty array: `undefined` and an empty iterable would be sent with
 * another framing than a length of 0.
 */
function openBody(body: RequestBody | undefined): Uint8Array | Readable | null {
  if (body === undefined) return null;
  const opened = body.sizeBytes === 0 ? new Uint8Array() : body.open();
  // undici's types do not mention iterables, which it reads piece by piece as it sends them.
  return opened as Uint8Array | Readable;
}

/**
 * Whether to follow a redirect. A request with a body is sent again unchanged; 303 would require another
 * method, which no request here needs.
 */
function mayFollow({ method, keepsTo }: HttpRequest, { status }: HttpResponse): boolean {
  if (keepsTo === "url") return false;
  return method === "GET" || method === "HEAD" || status !== 303;
}

function redirectTarget({ status, headers }: HttpResponse): string | undefined {
  if (![301, 302, 303, 307, 308].includes(status)) return undefined;
  return typeof headers.location === "string" ? headers.location : undefined;
}

/**
 * The target of a redirect. Throws RegistryError PermissionDenied for an invalid URL, and for http after
 * https.
 */
export function redirected(from: URL, location: string): URL {
  const to = URL.canParse(location, from) ? new URL(location, from) : undefined;
  const allowed =
    to !== undefined && (to.protocol === "https:" || (to.protocol === "http:" && from.protocol === "http:"));
  if (!allowed) {
    const where = to === undefined ? "an invalid URL" : quoteUrl(to);
    throw new RegistryError(
      "PermissionDenied",
      `${from.host}: redirects from ${from.protocol} to ${where}; not followed`,
    );
  }
  to.username = "";
  to.password = "";
  return to;
}

const knownToAll: ReadonlySet<string> = new Set(["accept", "range", "content-type", "content-range"]);

/** The headers that another host may get. */
function withoutSecrets(headers: HttpRequest["headers"]): Record<string, string | string[]> {
  return Object.fromEntries(Object.entries(mutable(headers)).filter(([name]) => knownToAll.has(name)));
}

function mutable(headers: HttpRequest["headers"]): Record<string, string | string[]> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, typeof value === "string" ? value : [...value]]),
  );
}
