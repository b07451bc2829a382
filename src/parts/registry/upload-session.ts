import type { Descriptor, Reference } from "../oci/index.ts";
import type { Endpoint } from "./endpoint.ts";
import { RegistryError } from "./errors.ts";
import { pushScopes } from "./scopes.ts";
import type { RepositoryRequest, Session } from "./session.ts";
import { type HttpResponse, type RequestBody, redirected } from "./transport.ts";

/** An upload that a registry has started (distribution-spec 1.1, "Pushing blobs"). */
export type Upload = {
  /** The URL for its next request; each response may name another one. */
  readonly location: URL;
  /** Number of bytes that the registry has. */
  readonly offset: number;
  /** Minimum size of a chunk, except for the last one. */
  readonly minChunkBytes: number;
};

/** The requests of one blob's upload to one endpoint. They throw RegistryError. */
export class UploadRequests {
  readonly #session: Session;
  readonly #endpoint: Endpoint;
  readonly #reference: Reference;
  readonly #signal: AbortSignal | undefined;

  constructor(session: Session, endpoint: Endpoint, reference: Reference, signal: AbortSignal | undefined) {
    this.#session = session;
    this.#endpoint = endpoint;
    this.#reference = reference;
    this.#signal = signal;
  }

  /** Whether the repository has the blob; undefined if the registry does not say. */
  async exists({ digest, size }: Descriptor): Promise<boolean | undefined> {
    const accepted = [401, 403, 404, 405];
    const response = await this.#send({ method: "HEAD", path: `blobs/${digest}`, headers: {}, accepted });
    await response.body.dump();
    if (response.status !== 200) return response.status === 404 ? false : undefined;
    const length = response.headers["content-length"];
    if (length !== undefined && Number(length) !== size)
      throw new RegistryError(
        "InvalidArgument",
        `${this.#endpoint.host}: has ${digest} with ${String(length)} bytes, the manifest says ${size}`,
      );
    return true;
  }

  async start(): Promise<Upload> {
    const request = { method: "POST", path: "blobs/uploads/", headers: {}, body: noBody } as const;
    const response = await this.#send({ ...request, accepted: [202] });
    await response.body.dump();
    return this.#next(response, 0, undefined);
  }

  /**
   * Asks the registry to mount the blob from another repository. It may start an upload instead; undefined if
   * it refuses.
   */
  async mount({ digest }: Descriptor, from: string): Promise<"mounted" | Upload | undefined> {
    const query = new URLSearchParams({ mount: digest, from });
    const path = `blobs/uploads/?${query}`;
    const scopes = pushScopes(this.#reference, [from]);
    const request = {
      method: "POST",
      path,
      headers: {},
      body: noBody,
      accepted: [201, 202],
      scopes,
    } as const;
    try {
      const response = await this.#send(request);
      await response.body.dump();
      return response.status === 201 ? "mounted" : this.#next(response, 0, undefined);
    } catch (error) {
      // Without access to the other repository, or if the registry does not support mounting, the blob is
      // sent.
      if (error instanceof RegistryError && !error.transient) return undefined;
      throw error;
    }
  }

  /** Sends the next chunk; the registry may accept only a part of it. */
  async append(upload: Upload, body: RequestBody): Promise<Upload> {
    const end = upload.offset + body.sizeBytes;
    const headers = {
      "content-type": "application/octet-stream",
      "content-range": `${upload.offset}-${end - 1}`,
    };
    const request = { method: "PATCH", path: upload.location, headers, body } as const;
    const response = await this.#send({ ...request, accepted: [202, 204] });
    await response.body.dump();
    return this.#next(response, Math.min(end, receivedBytes(response) ?? end), upload);
  }

  /** Sends the rest, which may be empty, and has the registry verify the digest. */
  async finish(upload: Upload, { digest }: Descriptor, body: RequestBody): Promise<void> {
    const path = new URL(upload.location);
    // What the registry has put there is not for us to write in another way, as URLSearchParams would.
    path.search += `${path.search === "" ? "?" : "&"}digest=${encodeURIComponent(digest)}`;
    const headers = { "content-type": "application/octet-stream" };
    const response = await this.#send({ method: "PUT", path, headers, body, accepted: [201, 202, 204] });
    await response.body.dump();
  }

  /** How far a broken upload has come; undefined when there is nothing to go on with. */
  async resume(upload: Upload): Promise<Upload | undefined> {
    try {
      const request = { method: "GET", path: upload.location, headers: {} } as const;
      const response = await this.#send({ ...request, accepted: [202, 204] });
      await response.body.dump();
      const received = receivedBytes(response);
      return received === undefined ? undefined : this.#next(response, received, upload);
    } catch (error) {
      if (error instanceof RegistryError) return undefined;
      throw error;
    }
  }

  async #send(request: Omit<RepositoryRequest, "reference">): Promise<HttpResponse> {
    const reference = this.#reference;
    const scopes = request.scopes ?? pushScopes(reference);
    return await this.#session.send(this.#endpoint, { reference, ...request, scopes }, this.#signal);
  }

  #next(response: HttpResponse, offset: number, before: Upload | undefined): Upload {
    const minimum = Number(response.headers["oci-chunk-min-length"] ?? before?.minChunkBytes ?? 0);
    return {
      location: locationOf(response, before),
      offset,
      minChunkBytes: Number.isSafeInteger(minimum) ? minimum : 0,
    };
  }
}

const noBody: RequestBody = { sizeBytes: 0, open: () => new Uint8Array() };

/**
 * Behind a proxy that ends TLS registries tell plain addresses of themselves: the host that was reached with
 * TLS is reached so again.
 */
function locationOf({ headers, url }: HttpResponse, before: Upload | undefined): URL {
  const { location } = headers;
  if (typeof location !== "string") {
    if (before !== undefined) return before.location;
    throw new RegistryError("Unavailable", `${url.host}: began an upload without saying where to continue`);
  }
  const to = URL.canParse(location, url) ? new URL(location, url) : undefined;
  if (to !== undefined && to.hostname === url.hostname && url.protocol === "https:" && isSamePort(to, url)) {
    to.protocol = "https:";
    to.port = url.port;
  }
  return redirected(url, to?.href ?? location);
}

/** A plain address without a port is one of a registry that does not know how it is reached. */
function isSamePort(to: URL, url: URL): boolean {
  return to.port === url.port || to.port === "";
}

/** `Range: 0-99` says that 100 bytes are there. With none there, registries say `0-0`. */
function receivedBytes({ headers }: HttpResponse): number | undefined {
  const [, end] = typeof headers.range === "string" ? (/^(?:bytes=)?0-(\d+)$/.exec(headers.range) ?? []) : [];
  if (end === undefined) return undefined;
  return end === "0" ? 0 : Number(end) + 1;
}
