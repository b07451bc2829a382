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
 * Bytes after which a body is not read on until they are taken: a second chunk behind the first would be
 * copied together with it.
 */
const oneChunk = 1;

export type Method = "GET" | "HEAD" | "POST" | "PUT" | "PATCH";

/** What a request carries. It is opened anew wherever a redirect leads. */
export type RequestBody = {
  readonly sizeBytes: number;
  open(): AsyncIterable<Uint8Array> | Uint8Array;
};

export type HttpRequest = {
  readonly method: Method;
  readonly url: URL;
  /** Whose TLS settings, headers and time limits hold. */
  readonly endpoint: Endpoint;
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: RequestBody;
  /** The body is a secret: it goes to no other place than the one it is for. */
  readonly keepsTo?: "url";
  readonly signal: AbortSignal | undefined;
};

export type HttpResponse = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Dispatcher.ResponseData["body"];
  /** Where the answer came from, after redirects. */
  readonly url: URL;
};

/** Sends requests and follows redirects; keeps connections open until it is disposed of. */
export class Transport implements AsyncDisposable {
  readonly #progressTimeoutMs: number;
  readonly #userAgent: string;
  readonly #dispatchers = new Map<string, Promise<Dispatcher>>();
  /** Endpoints that turned out not to speak TLS and may be spoken to without. */
  readonly #plain = new Set<string>();

  readonly #knownPlain: PlainHosts | undefined;

  readonly #log: RequestLog | undefined;

  /** `knownPlain`: what other transports have found out of hosts. */
  constructor(progressTimeoutMs: number, userAgent: string, knownPlain?: PlainHosts, log?: RequestLog) {
    this.#progressTimeoutMs = progressTimeoutMs;
    this.#userAgent = userAgent;
    this.#knownPlain = knownPlain;
    this.#log = log;
  }

  /**
   * Headers of the request reach its own host alone; a redirect to another host gets none of them, nor the
   * client's certificate, and none may lead from https to http. Throws RegistryError.
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

/** Ends an answer whose body is of no interest. */
export function discard({ body }: HttpResponse): void {
  // Being destroyed before its end is an error to a stream; here it is meant.
  body.on("error", () => undefined);
  body.destroy();
}

/** Who was asked, and who was to answer. */
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

/** `undefined` and an iterable of nothing would be sent with another framing than a length of 0. */
function openBody(body: RequestBody | undefined): Uint8Array | Readable | null {
  if (body === undefined) return null;
  const opened = body.sizeBytes === 0 ? new Uint8Array() : body.open();
  // Its types do not say that it takes iterables, which it reads one piece at a time as it can send them.
  return opened as Uint8Array | Readable;
}

/**
 * A request that carries something is sent on as it is; 303 asks for another one in its place, which is none
 * of ours.
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
 * Where a server sends us on to. Throws RegistryError PermissionDenied for what is no URL, and for http
 * behind https.
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

/** What another host may know of the request. */
function withoutSecrets(headers: HttpRequest["headers"]): Record<string, string | string[]> {
  return Object.fromEntries(Object.entries(mutable(headers)).filter(([name]) => knownToAll.has(name)));
}

function mutable(headers: HttpRequest["headers"]): Record<string, string | string[]> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, typeof value === "string" ? value : [...value]]),
  );
}
