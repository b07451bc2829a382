import { type Descriptor, formatReference, type Reference } from "../oci/index.ts";
import { backOff } from "./backoff.ts";
import { parseContentRange } from "./content-range.ts";
import { type Endpoint, foreignEndpoints } from "./endpoint.ts";
import { asRegistryError, endedEarly, RegistryError, summarise, throwIfAborted } from "./errors.ts";
import { PartsAhead, type PartTries } from "./parts-ahead.ts";
import type { BlobSenders } from "./registry.ts";
import type { Session } from "./session.ts";
import { discard, type HttpResponse } from "./transport.ts";

/** See {@link PartTries}. */
const partTries = 4;

/**
 * See {@link Registry.fetchBlob}. Stays with a host while that makes progress, continues with the next when
 * it does not, and waits when all have failed since the last new byte. If the network is slow, later parts
 * are fetched over other connections ({@link PartsAhead}). A layer that the registries lack is fetched from
 * its URLs, if it may be there.
 */
export async function* fetchBlob(
  session: Session,
  reference: Reference,
  descriptor: Descriptor,
  offset: number,
  signal: AbortSignal | undefined,
  senders: BlobSenders | undefined,
): AsyncGenerator<Uint8Array | "restart", void, void> {
  const what = `fetching ${descriptor.digest} of ${formatReference(reference)}`;
  const failures = new Map<string, RegistryError>();
  let endpoints = await session.endpoints(reference, "pull");
  const last = endpoints.at(-1);
  if (senders?.asksMirrors === false) endpoints = endpoints.slice(-1);
  let elsewhere = foreignEndpoints(descriptor, endpoints);
  let position = offset;
  let furthest = offset;
  let fruitless = 0;
  const tries: PartTries = { left: partTries };
  if (offset > descriptor.size) {
    yield "restart";
    position = 0;
  }
  while (position < descriptor.size) {
    throwIfAborted(signal, what);
    const endpoint = endpoints[fruitless % endpoints.length];
    if (endpoint === undefined) throw summarise(what, failures);
    try {
      const { response, start } = await open(session, endpoint, reference, descriptor, position, signal);
      senders?.onSending({ host: endpoint.host, isMirror: endpoint.role === "mirror" && endpoint !== last });
      if (start !== position) yield "restart";
      position = start;
      const blob = { reference, descriptor, before: response };
      using ahead = new PartsAhead(session, endpoint, blob, tries, signal);
      let boundary = Number.POSITIVE_INFINITY;
      for await (const received of response.body as AsyncIterable<Uint8Array>) {
        boundary = ahead.boundary(position);
        const chunk = received.subarray(0, boundary - position);
        if (position + chunk.length > descriptor.size) throw wrongSize(endpoint, descriptor, "more");
        position += chunk.length;
        yield chunk;
        freeMemory(received);
        if (position === boundary) break;
        ahead.look(position);
      }
      if (position < descriptor.size && position !== boundary)
        throw endedEarly(endpoint.host, position, descriptor);
      while (position < descriptor.size) {
        const part = await ahead.take();
        if (part === undefined) break;
        position += part.length;
        yield part;
        freeMemory(part);
        ahead.look(position);
      }
    } catch (error) {
      throwIfAborted(signal, what);
      const failure = asRegistryError(error, endpoint.host);
      failures.set(endpoint.base, failure);
      fruitless = position > furthest ? 1 : fruitless + 1;
      furthest = Math.max(furthest, position);
      if (!failure.transient) endpoints = endpoints.filter((other) => other !== endpoint);
      if (endpoints.length === 0 && elsewhere.length > 0) {
        [endpoints, elsewhere] = [elsewhere, []];
        fruitless = 0;
        continue;
      }
      if (endpoints.length === 0 || fruitless >= session.retry.tries * endpoints.length)
        throw summarise(what, failures);
      const round = Math.ceil(fruitless / endpoints.length);
      if (fruitless % endpoints.length === 0)
        await backOff(session.retry, round, failure.retryAfterMs, signal);
    }
  }
}

/**
 * Frees the memory of bytes that are no longer used. The garbage collector would do so only after some
 * hundred chunks, and the next chunks would meanwhile take further memory. In the first buffer, the header
 * precedes the bytes and has already been parsed. Small pieces are left out: they may share their memory with
 * others.
 */
function freeMemory({ buffer, byteLength }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer && byteLength > buffer.byteLength / 2) buffer.transfer(0);
}

type Opened = {
  readonly response: HttpResponse;
  /** Position of its first byte: the requested one, or 0 if the server does not support ranges. */
  readonly start: number;
};

async function open(
  session: Session,
  endpoint: Endpoint,
  reference: Reference,
  descriptor: Descriptor,
  position: number,
  signal: AbortSignal | undefined,
): Promise<Opened> {
  const request = { method: "GET", reference, path: `blobs/${descriptor.digest}` } as const;
  if (position > 0) {
    const headers = { range: `bytes=${position}-` };
    const response = await session.send(endpoint, { ...request, headers, accepted: [206, 416] }, signal);
    const range = parseContentRange(response.headers["content-range"]);
    if (response.status === 206 && range?.start === position) {
      return { response: checkSize(endpoint, response, descriptor, range.total), start: position };
    }
    if (response.status === 200) return { response: checkLength(endpoint, response, descriptor), start: 0 };
    // 416, or another part than the requested one: this server cannot continue, but may be able to start
    // over.
    discard(response);
  }
  const response = await session.send(endpoint, { ...request, headers: {} }, signal);
  return { response: checkLength(endpoint, response, descriptor), start: 0 };
}

function checkLength(endpoint: Endpoint, response: HttpResponse, descriptor: Descriptor): HttpResponse {
  const length = response.headers["content-length"];
  return checkSize(endpoint, response, descriptor, length === undefined ? undefined : Number(length));
}

/** Rejects a response that announces another size: it holds another blob, or a part of it. */
function checkSize(
  endpoint: Endpoint,
  response: HttpResponse,
  descriptor: Descriptor,
  total: number | undefined,
): HttpResponse {
  if (total === undefined || total === descriptor.size) return response;
  discard(response);
  throw wrongSize(endpoint, descriptor, `${total}`);
}

function wrongSize(endpoint: Endpoint, descriptor: Descriptor, actual: string): RegistryError {
  const message = `${endpoint.host}: the blob has ${actual} bytes, the manifest says ${descriptor.size}`;
  return new RegistryError("DataLoss", message);
}
