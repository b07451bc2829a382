import type { IncomingMessage, ServerResponse } from "node:http";
import { digestOf } from "../parts/oci/index.ts";
import type { Misbehaviour } from "./fake-registry.ts";

/** What a registry in memory has been brought. */
export type FakeUploads = {
  /** To be given to {@link startFakeRegistry}. */
  readonly answer: Misbehaviour;
  /** By `REPOSITORY DIGEST`. */
  readonly blobs: Map<string, Buffer>;
  /** By `REPOSITORY NAME`. */
  readonly manifests: Map<string, { readonly type: string; readonly bytes: Buffer }>;
};

/**
 * Takes pushes as the distribution-spec says, with uploads in pieces that can be resumed, wherever
 * `misbehave` does not step in. What has come of a broken request stays; `breakAfterBytes` breaks one that
 * brings something.
 */
export function takesPushes(
  misbehave: Misbehaviour = () => false,
  breakAfterBytes: (request: IncomingMessage) => number | undefined = () => undefined,
): FakeUploads {
  const uploads = new Map<string, Buffer>();
  const blobs: FakeUploads["blobs"] = new Map();
  const manifests: FakeUploads["manifests"] = new Map();
  const answer: Misbehaviour = async (request, response) => {
    if (await misbehave(request, response)) return true;
    const url = new URL(request.url ?? "", "http://x");
    const [, repository = "", what = "", name = ""] =
      /^\/v2\/(.+)\/(blobs\/uploads|blobs|manifests)\/([^/]*)$/.exec(url.pathname) ?? [];
    if (what === "blobs/uploads") await upload(request, response, url, repository, name);
    else if (what === "manifests") await manifest(request, response, repository, name);
    else serve(request, response, blobs.get(`${repository} ${name}`), {});
    return true;
  };

  async function upload(
    request: IncomingMessage,
    response: ServerResponse,
    url: URL,
    repository: string,
    id: string,
  ): Promise<void> {
    if (request.method === "POST") {
      const mounted = blobs.get(`${url.searchParams.get("from")} ${url.searchParams.get("mount")}`);
      if (mounted !== undefined) {
        blobs.set(`${repository} ${url.searchParams.get("mount")}`, mounted);
        response.writeHead(201).end();
        return;
      }
      const made = `upload-${uploads.size}`;
      uploads.set(made, Buffer.alloc(0));
      response.writeHead(202, { location: `/v2/${repository}/blobs/uploads/${made}?state=a%20b` }).end();
      return;
    }
    const begun = uploads.get(id);
    if (begun === undefined) {
      response.writeHead(404).end(JSON.stringify({ errors: [{ code: "BLOB_UPLOAD_UNKNOWN" }] }));
      return;
    }
    const location = `/v2/${repository}/blobs/uploads/${id}?state=a%20b`;
    const range = (bytes: Buffer) => `0-${Math.max(0, bytes.length - 1)}`;
    if (request.method === "GET") {
      response.writeHead(204, { location, range: range(begun) }).end();
      return;
    }
    const start = Number(/^(\d+)-/.exec(request.headers["content-range"] ?? "")?.[1] ?? begun.length);
    if (start !== begun.length) {
      request.resume();
      response.writeHead(416, { location, range: range(begun) }).end();
      return;
    }
    const bytes = await receive(request, begun, breakAfterBytes(request), (received) =>
      uploads.set(id, received),
    );
    if (bytes === undefined) return;
    if (request.method === "PATCH") {
      response.writeHead(202, { location, range: range(bytes) }).end();
      return;
    }
    const digest = url.searchParams.get("digest") ?? "";
    uploads.delete(id);
    if (digestOf(bytes) !== digest) {
      response.writeHead(400).end(JSON.stringify({ errors: [{ code: "DIGEST_INVALID" }] }));
      return;
    }
    blobs.set(`${repository} ${digest}`, bytes);
    response.writeHead(201).end();
  }

  async function manifest(
    request: IncomingMessage,
    response: ServerResponse,
    repository: string,
    name: string,
  ): Promise<void> {
    if (request.method !== "PUT") {
      const found = manifests.get(`${repository} ${name}`);
      const headers = found && {
        "content-type": found.type,
        "docker-content-digest": digestOf(found.bytes),
      };
      serve(request, response, found?.bytes, headers ?? {});
      return;
    }
    const bytes = (await receive(request, Buffer.alloc(0), undefined, () => undefined)) ?? Buffer.alloc(0);
    const stored = { type: request.headers["content-type"] ?? "", bytes };
    manifests.set(`${repository} ${name}`, stored);
    manifests.set(`${repository} ${digestOf(bytes)}`, stored);
    response.writeHead(201, { "docker-content-digest": digestOf(bytes) }).end();
  }

  return { answer, blobs, manifests };
}

/** Undefined when the request broke off; `keep` has been given what came. */
async function receive(
  request: IncomingMessage,
  begun: Buffer,
  breakAfterBytes: number | undefined,
  keep: (received: Buffer) => void,
): Promise<Buffer | undefined> {
  const chunks = [begun];
  try {
    let received = 0;
    for await (const chunk of request) {
      chunks.push(chunk as Buffer);
      received += (chunk as Buffer).length;
      if (breakAfterBytes !== undefined && received >= breakAfterBytes) request.socket.destroy();
    }
    return Buffer.concat(chunks);
  } catch {
    return undefined;
  } finally {
    keep(Buffer.concat(chunks));
  }
}

function serve(
  request: IncomingMessage,
  response: ServerResponse,
  bytes: Buffer | undefined,
  headers: Readonly<Record<string, string>>,
): void {
  if (bytes === undefined) response.writeHead(404).end();
  else
    response
      .writeHead(200, { ...headers, "content-length": bytes.length })
      .end(request.method === "HEAD" ? undefined : bytes);
}
