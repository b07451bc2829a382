/** Requests of probes and hooks by HTTP, as a kubelet makes them (pkg/probe/http). */
import { request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import type { HttpGet } from "../../manifests/index.ts";
import { portOf, type Target } from "./target.ts";

const maxRedirects = 10;
const maxBodyBytes = 10 * 1024;

/**
 * The status of the response. Redirects to the same host are followed; one to another host is the response.
 * Throws if there is none.
 */
export async function statusOf(url: URL, headers: Headers, signal: AbortSignal): Promise<number> {
  let at = url;
  for (let redirects = 0; redirects < maxRedirects; redirects++) {
    const { status, location } = await ask(at, headers, signal);
    const next = location === undefined ? undefined : URL.parse(location, at.href);
    if (!isRedirect(status) || !next || next.hostname !== url.hostname) return status;
    at = next;
  }
  throw new Error(`${maxRedirects} redirects, and no end`);
}

type Headers = Readonly<Record<string, string | readonly string[]>>;

function isRedirect(status: number): boolean {
  return [301, 302, 303, 307, 308].includes(status);
}

/** The URL for a container. Throws for an unknown port name. */
export function urlOf(get: HttpGet, { container, podIp }: Target): URL {
  const { path = "/", scheme = "HTTP", host = podIp } = get;
  const authority = `${host.includes(":") ? `[${host}]` : host}:${portOf(get.port, container)}`;
  return new URL(`${scheme.toLowerCase()}://${authority}${path.startsWith("/") ? path : `/${path}`}`);
}

/** A repeated header has both values; an empty Accept is left out. */
export function headersOf({ httpHeaders = [] }: HttpGet, userAgent: string): Headers {
  const headers: Record<string, string | readonly string[]> = {};
  for (const { name, value } of httpHeaders) {
    const key = name.toLowerCase();
    const before = headers[key];
    headers[key] = before === undefined || key === "host" ? value : [...[before].flat(), value];
  }
  const { accept = "*/*", ...others } = headers;
  return {
    "user-agent": userAgent,
    ...others,
    ...(accept === "" ? {} : { accept }),
    connection: "close",
  };
}

async function ask(
  url: URL,
  headers: Headers,
  signal: AbortSignal,
): Promise<{ readonly status: number; readonly location: string | undefined }> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const options = { headers: headers as Record<string, string | string[]>, signal, agent: false } as const;
  // Like a kubelet, does not verify certificates, since they do not contain the pod's address.
  const request =
    url.protocol === "https:"
      ? httpsRequest(url, { ...options, rejectUnauthorized: false })
      : httpRequest(url, options);
  request.on("error", reject).on("response", resolve).end();
  const response = await promise;
  let bytes = 0;
  response.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > maxBodyBytes) response.destroy();
  });
  response.on("error", () => {});
  return { status: response.statusCode ?? 0, location: response.headers.location };
}
