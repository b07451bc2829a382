import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { Digest } from "../parts/oci/index.ts";
import type { TestImage } from "./images.ts";

/** What a test does to a request: answers it (true), or leaves it to the registry's usual answer (false). */
export type Misbehaviour = (request: IncomingMessage, response: ServerResponse) => boolean | Promise<boolean>;

/** An HTTP server in this process, which keeps the requests it got. */
export type FakeRegistry = AsyncDisposable & {
  readonly host: string;
  readonly requests: readonly {
    readonly method: string;
    readonly url: string;
    readonly headers: IncomingMessage["headers"];
  }[];
};

/**
 * Serves images by tag and digest as a registry does, with Range, wherever `misbehave` does not step in. For
 * what a real registry cannot be made to do.
 */
export async function startFakeRegistry(
  images: Readonly<Record<string, TestImage>>,
  misbehave: Misbehaviour = () => false,
): Promise<FakeRegistry> {
  const requests: { method: string; url: string; headers: IncomingMessage["headers"] }[] = [];
  const server = createServer({ maxHeaderSize: 256 * 1024 }, async (request, response) => {
    requests.push({ method: request.method ?? "", url: request.url ?? "", headers: request.headers });
    if (!(await misbehave(request, response))) answer(images, request, response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return {
    host: `127.0.0.1:${address.port}`,
    requests,
    [Symbol.asyncDispose]: async () => {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

function answer(
  images: Readonly<Record<string, TestImage>>,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const [, name = "", kind = "", wanted = ""] =
    /^\/v2\/(.+)\/(manifests|blobs)\/([^/?]+)/.exec(request.url ?? "") ?? [];
  const tagged = kind === "manifests" ? images[`${name}:${wanted}`]?.target.digest : undefined;
  const digest = (tagged ?? wanted) as Digest;
  const blob = Object.entries(images)
    .filter(([reference]) => reference.startsWith(`${name}:`))
    .map(([, image]) => image.blobs.get(digest))
    .find((found) => found !== undefined);
  if (blob === undefined) {
    response
      .writeHead(404)
      .end(JSON.stringify({ errors: [{ code: "MANIFEST_UNKNOWN", message: "no such thing" }] }));
    return;
  }
  const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
  if (start > 0 && start >= blob.bytes.length) {
    response.writeHead(416).end();
    return;
  }
  const part = blob.bytes.subarray(start);
  response.writeHead(start > 0 ? 206 : 200, {
    "content-type": blob.mediaType,
    "content-length": part.length,
    "docker-content-digest": digest,
    ...(start > 0 ? { "content-range": `bytes ${start}-${blob.bytes.length - 1}/${blob.bytes.length}` } : {}),
  });
  response.end(request.method === "HEAD" ? undefined : part);
}
