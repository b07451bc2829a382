import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { connect, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { startFakeRegistry } from "../../testing/fake-registry.ts";
import { takesPushes } from "../../testing/fake-uploads.ts";
import { imageOf, indexOf, type TestImage } from "../../testing/images.ts";
import { startRegistry } from "../../testing/registry.ts";
import { tempDir } from "../../testing/temp-dir.ts";
import { startTokenService } from "../../testing/token-service.ts";
import { type Descriptor, digestOf, isIndexType, isManifestType, mediaType } from "../oci/index.ts";
import { type Credentials, createRegistry, type Registry, RegistryError } from "./index.ts";
import type { RegistryOptions } from "./registry.ts";
import { collect, referenceTo, testOptions } from "./testing/options.ts";

const run = promisify(execFile);
const hasCode = (code: string) => (error: unknown) => error instanceof RegistryError && error.code === code;
const me: Credentials = { kind: "basic", username: "me", password: "hush" };
const htpasswd = "me:$2b$04$mEP8ifnWEQrhjIl.ZWjkb.cqaC2aNzXxAqG33k2m7dMOS0s6yKNNi";

/** A file with a blob, and its descriptor. */
async function blobIn(
  directory: string,
  size: number,
): Promise<{ path: string; descriptor: Descriptor; bytes: Buffer }> {
  const bytes = randomBytes(size);
  const digest = digestOf(bytes);
  const path = join(directory, digest.slice(7));
  await writeFile(path, bytes);
  return { path, bytes, descriptor: { mediaType: mediaType.ociLayer, digest, size } };
}

async function pushImage(
  registry: Registry,
  directory: string,
  host: string,
  name: string,
  image: TestImage,
) {
  const reference = referenceTo({ host }, name);
  const outcomes: string[] = [];
  for (const [digest, { bytes, mediaType: type }] of image.blobs) {
    const descriptor = { mediaType: type, digest, size: bytes.length };
    if (isManifestType(type) || isIndexType(type)) {
      const named = digest === image.target.digest ? reference : { ...reference, tag: undefined, digest };
      await registry.pushManifest(named, descriptor, bytes);
      continue;
    }
    const path = join(directory, digest.slice(7));
    await writeFile(path, bytes);
    outcomes.push(await registry.pushBlob(reference, descriptor, { path, mountFrom: [] }));
  }
  return outcomes;
}

/** Passes connections on, and breaks the first that has brought so many bytes. */
async function breakingProxy(port: number, afterBytes: number) {
  let broke = false;
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(port, "127.0.0.1");
    let received = 0;
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on("error", () => undefined);
    }
    client.on("data", (chunk) => {
      received += chunk.length;
      if (broke || received < afterBytes) return;
      broke = true;
      client.destroy();
      upstream.end();
    });
    client.pipe(upstream).pipe(client);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return {
    host: `127.0.0.1:${address.port}`,
    broke: () => broke,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

describe("against a real registry", () => {
  for (const format of ["oci", "docker"] as const) {
    test(`a pushed index in the format ${format} is read back by skopeo with its digests`, async () => {
      await using directory = await tempDir();
      await using server = await startRegistry({ htpasswd });
      const one = await imageOf({ format });
      const other = await imageOf({
        format,
        config: { Env: ["A=b"] },
        platform: { os: "linux", architecture: "arm64" },
      });
      const index = indexOf(
        [
          [one, { os: "linux", architecture: "amd64" }],
          [other, { os: "linux", architecture: "arm64" }],
        ],
        format,
      );
      await using registry = createRegistry(testOptions({ credentials: me }));
      const first = await pushImage(registry, directory.path, server.host, "team/app:v1", index);
      assert.deepEqual(first, ["uploaded", "uploaded", "uploaded"]);
      const copy = join(directory.path, "copy");
      await run("skopeo", [
        "copy",
        "--all",
        "--preserve-digests",
        "--insecure-policy",
        "--src-creds",
        "me:hush",
        "--src-tls-verify=false",
        `docker://${server.host}/team/app:v1`,
        `dir:${copy}`,
      ]);
      const { stdout } = await run("skopeo", ["manifest-digest", join(copy, "manifest.json")]);
      assert.equal(stdout.trim(), index.target.digest);
      const again = await pushImage(registry, directory.path, server.host, "team/app:v1", index);
      assert.deepEqual(again, ["exists", "exists", "exists"]);
    });
  }

  test("a blob is mounted from another repository of the registry instead of being sent", async () => {
    await using directory = await tempDir();
    await using server = await startRegistry({ htpasswd });
    await using registry = createRegistry(testOptions({ credentials: me }));
    const { path, descriptor } = await blobIn(directory.path, 1000);
    await registry.pushBlob(referenceTo(server, "a:x"), descriptor, { path, mountFrom: [] });
    const source = { path: undefined, mountFrom: ["nowhere", "a"] };
    const nowhere = { ...source, mountFrom: ["nowhere"] };
    assert.equal(await registry.pushBlob(referenceTo(server, "b:x"), descriptor, nowhere), "absent");
    assert.equal(await registry.pushBlob(referenceTo(server, "b:x"), descriptor, source), "mounted");
    assert.equal(await registry.pushBlob(referenceTo(server, "b:x"), descriptor, source), "exists");
  });

  test("a registry with tokens gets them for the push, and for the repository that a blob is mounted from", async () => {
    await using directory = await tempDir();
    const basic = `Basic ${Buffer.from("me:hush").toString("base64")}`;
    const readOnly = (repository: string, action: string) => repository !== "theirs" || action === "pull";
    await using tokens = await startTokenService(basic, readOnly);
    await using server = await startRegistry({ tokens });
    const { path, descriptor } = await blobIn(directory.path, 1000);
    await using registry = createRegistry(testOptions({ credentials: me }));
    const push = (repository: string, mountFrom: readonly string[]) =>
      registry.pushBlob(referenceTo(server, `${repository}:x`), descriptor, { path, mountFrom });
    assert.equal(await push("a", []), "uploaded");
    assert.equal(await push("b", ["a"]), "mounted");
    assert.deepEqual(tokens.asked, [
      ["repository:a:pull,push"],
      ["repository:b:pull,push"],
      ["repository:b:pull,push", "repository:a:pull"],
    ]);
    await assert.rejects(push("theirs", []), hasCode("PermissionDenied"));
    await using other = createRegistry(testOptions({ credentials: { ...me, password: "wrong" } }));
    const source = { path, mountFrom: [] };
    await assert.rejects(
      other.pushBlob(referenceTo(server, "c:x"), descriptor, source),
      hasCode("Unauthenticated"),
    );
  });

  test("an upload succeeds despite a broken connection", async () => {
    await using directory = await tempDir();
    await using server = await startRegistry();
    await using proxy = await breakingProxy(server.port, 100_000);
    await using registry = createRegistry(testOptions());
    const { path, descriptor, bytes } = await blobIn(directory.path, 2_000_000);
    const reference = referenceTo(proxy, "a:x");
    assert.equal(await registry.pushBlob(reference, descriptor, { path, mountFrom: [] }), "uploaded");
    assert.ok(proxy.broke());
    const kept = await collect(registry.fetchBlob(reference, descriptor, 0));
    assert.ok(kept.bytes.equals(bytes));
  });

  test("wrong or missing credentials are Unauthenticated", async () => {
    await using directory = await tempDir();
    await using server = await startRegistry({ htpasswd });
    const { path, descriptor } = await blobIn(directory.path, 10);
    for (const credentials of [undefined, { ...me, password: "wrong" }]) {
      await using registry = createRegistry(testOptions({ credentials }));
      await assert.rejects(
        registry.pushBlob(referenceTo(server, "a:x"), descriptor, { path, mountFrom: [] }),
        hasCode("Unauthenticated"),
      );
    }
  });

  test("a blob with a damaged file is refused, and a file that is too short is DataLoss", async () => {
    await using directory = await tempDir();
    await using server = await startRegistry();
    await using registry = createRegistry(testOptions());
    const { path, bytes, descriptor } = await blobIn(directory.path, 1000);
    const push = () => registry.pushBlob(referenceTo(server, "a:x"), descriptor, { path, mountFrom: [] });
    await writeFile(path, Buffer.from(bytes).fill(0, 0, 10));
    await assert.rejects(
      push(),
      (error) => hasCode("InvalidArgument")(error) && /DIGEST_INVALID/.test(String(error)),
    );
    await writeFile(path, bytes.subarray(10));
    await assert.rejects(push(), hasCode("DataLoss"));
    await writeFile(path, bytes);
    assert.equal(await push(), "uploaded");
  });
});

type Trouble = Parameters<typeof takesPushes>[0];

/** Pushes a blob of 300,000 bytes to a registry that misbehaves. */
async function pushTo(
  misbehave: Trouble,
  {
    size = 300_000,
    options = {},
    mountFrom = [] as readonly string[],
    breakAfterBytes = undefined as Parameters<typeof takesPushes>[1],
  }: {
    size?: number;
    options?: Partial<RegistryOptions>;
    mountFrom?: readonly string[];
    breakAfterBytes?: Parameters<typeof takesPushes>[1];
  } = {},
) {
  await using directory = await tempDir();
  const uploads = takesPushes(misbehave, breakAfterBytes);
  await using server = await startFakeRegistry({}, uploads.answer);
  await using registry = createRegistry(testOptions(options));
  const { path, descriptor, bytes } = await blobIn(directory.path, size);
  const progress: number[] = [];
  const result = await registry
    .pushBlob(referenceTo(server, "a:x"), descriptor, {
      path,
      mountFrom,
      onBytes: (sent) => progress.push(sent),
    })
    .catch((error: unknown) => {
      if (error instanceof RegistryError) return error;
      throw error;
    });
  const kept = uploads.blobs.get(`a ${descriptor.digest}`);
  return { result, server, progress, kept, isWhole: kept?.equals(bytes) === true };
}

const isUpload = ({ url }: IncomingMessage) => url?.includes("/blobs/uploads/") === true;
const methods = ({ requests }: { requests: readonly { readonly method: string }[] }) =>
  requests.map(({ method }) => method).join(" ");

describe("an upload", () => {
  test("is sent in one piece, and reports its progress", async () => {
    const { result, server, progress, isWhole } = await pushTo(() => false);
    assert.equal(result, "uploaded");
    assert.ok(isWhole);
    assert.equal(methods(server), "HEAD POST PUT");
    assert.match(
      server.requests.at(-1)?.url ?? "",
      /\?state=a%20b&digest=sha256%3A[0-9a-f]{64}$/,
      "as the registry wrote it",
    );
    assert.equal(progress.at(-1), 300_000);
  });

  test("that breaks continues where the registry says that it stopped", async () => {
    let broken = 0;
    const { result, server, isWhole } = await pushTo(() => false, {
      breakAfterBytes: ({ method }) => (method !== "POST" && broken++ < 2 ? 20_000 : undefined),
    });
    assert.equal(result, "uploaded");
    assert.ok(isWhole);
    assert.equal(methods(server), "HEAD POST PUT GET PATCH GET PATCH PUT");
    const starts = server.requests.flatMap(({ headers }) => headers["content-range"] ?? []);
    assert.ok(
      starts.every((range) => Number(range.split("-")[0]) > 20_000),
      String(starts),
    );
  });

  test("that breaks more often than the number of attempts succeeds if each attempt makes progress", async () => {
    let broken = 0;
    const { result, server, isWhole } = await pushTo(() => false, {
      size: 5 * 1024 * 1024,
      breakAfterBytes: ({ method }) => (method !== "POST" && broken++ < 6 ? 500_000 : undefined),
    });
    assert.equal(result, "uploaded");
    assert.ok(isWhole);
    assert.equal(server.requests.filter(({ method }) => method === "POST").length, 1, "never begun anew");
  });

  test("that a registry refuses for its position (416) continues at the one that the registry names", async () => {
    let sent = 0;
    const { result, server, isWhole } = await pushTo(
      (request, response) => {
        if (request.method !== "PATCH" || sent++ > 0) return false;
        request.resume();
        response.writeHead(416).end();
        return true;
      },
      { breakAfterBytes: ({ method }) => (method === "PUT" && sent === 0 ? 20_000 : undefined) },
    );
    assert.equal(result, "uploaded");
    assert.equal(methods(server), "HEAD POST PUT GET PATCH GET PATCH PUT");
    assert.ok(isWhole);
  });

  test("that its registry has forgotten is started over", async () => {
    let broken = false;
    const { result, server, isWhole } = await pushTo((request, response) => {
      if (request.method === "GET") {
        response.writeHead(404).end();
        return true;
      }
      if (request.method !== "PUT" || broken) return false;
      broken = true;
      request.socket.destroy();
      return true;
    });
    assert.equal(result, "uploaded");
    assert.ok(isWhole);
    assert.equal(methods(server), "HEAD POST PUT GET HEAD POST PUT");
  });

  test("that its registry forgets while it is being sent is started over", async () => {
    let forgotten = false;
    const { result, server, isWhole } = await pushTo(async (request, response) => {
      if (request.method !== "PUT" || forgotten) return false;
      forgotten = true;
      request.resume();
      await once(request, "end");
      response.writeHead(404).end(JSON.stringify({ errors: [{ code: "BLOB_UPLOAD_UNKNOWN" }] }));
      return true;
    });
    assert.equal(result, "uploaded");
    assert.ok(isWhole);
    assert.equal(methods(server), "HEAD POST PUT HEAD POST PUT");
  });

  test("whose last response is lost is not repeated", async () => {
    let lost = false;
    const uploads = takesPushes();
    const { result, server } = await pushTo(async (request, response) => {
      if (request.method !== "PUT" || lost) return await uploads.answer(request, response);
      lost = true;
      const answer = { writeHead: () => ({ end: () => request.socket.destroy() }) };
      return await uploads.answer(request, answer as unknown as typeof response);
    });
    assert.equal(result, "exists");
    assert.equal(methods(server), "HEAD POST PUT GET HEAD");
  });

  test("that is too large for a proxy is sent in smaller chunks", async () => {
    const limit = 2 * 1024 * 1024;
    const { result, server, isWhole } = await pushTo(
      (request, response) => {
        if (Number(request.headers["content-length"] ?? 0) <= limit) return false;
        request.resume();
        response.writeHead(413, { connection: "close" }).end("<html>413 Request Entity Too Large</html>");
        return true;
      },
      { size: 5 * 1024 * 1024 },
    );
    assert.equal(result, "uploaded");
    assert.ok(isWhole);
    assert.match(methods(server), /PATCH PATCH PATCH PATCH PUT$/);
  });

  test("that a server cuts off for its size, without a response, is sent in chunks, too", async () => {
    const { result, isWhole } = await pushTo(
      (request) => {
        if (Number(request.headers["content-length"] ?? 0) <= 2 * 1024 * 1024) return false;
        request.socket.destroy();
        return true;
      },
      { size: 5 * 1024 * 1024 },
    );
    assert.equal(result, "uploaded");
    assert.ok(isWhole);
  });

  test("follows the registry's redirect without credentials and with its bytes", async () => {
    const store = takesPushes();
    await using elsewhere = await startFakeRegistry({}, store.answer);
    for (const status of [301, 302, 307, 308]) {
      const { result } = await pushTo(
        (request, response) => {
          if (request.headers.authorization === undefined) {
            response.writeHead(401, { "www-authenticate": "Basic" }).end();
            return true;
          }
          if (!isUpload(request)) return false;
          request.resume();
          response.writeHead(status, { location: `http://${elsewhere.host}${request.url}` }).end();
          return true;
        },
        { options: { credentials: me } },
      );
      assert.equal(result, "uploaded", String(status));
    }
    assert.equal(store.blobs.size, 4);
    assert.ok(elsewhere.requests.every(({ headers }) => headers.authorization === undefined));
  });

  test("continues on another host without credentials if the registry names one", async () => {
    const store = takesPushes();
    await using elsewhere = await startFakeRegistry({}, store.answer);
    const { result } = await pushTo(
      async (request, response) => {
        if (request.headers.authorization === undefined) {
          response.writeHead(401, { "www-authenticate": "Basic" }).end();
          return true;
        }
        if (request.method !== "POST") return false;
        const begun = await fetch(`http://${elsewhere.host}${request.url}`, { method: "POST" });
        response
          .writeHead(202, { location: new URL(begun.headers.get("location") ?? "", begun.url).href })
          .end();
        return true;
      },
      { options: { credentials: me } },
    );
    assert.equal(result, "uploaded");
    assert.ok(elsewhere.requests.every(({ headers }) => headers.authorization === undefined));
  });

  test("is sent if no repository can provide the blob, and if a registry refuses to mount it", async () => {
    for (const status of [202, 400, 403, 404, 405]) {
      const { result, isWhole } = await pushTo(
        (request, response) => {
          if (request.url?.includes("mount=") !== true || status === 202) return false;
          response.writeHead(status).end();
          return true;
        },
        { mountFrom: ["other"] },
      );
      assert.equal(result, "uploaded", String(status));
      assert.ok(isWhole);
    }
  });

  test("is sent if a registry does not say whether it has a blob", async () => {
    for (const status of [403, 405]) {
      const { result } = await pushTo((request, response) => {
        if (request.method !== "HEAD") return false;
        response.writeHead(status).end();
        return true;
      });
      assert.equal(result, "uploaded", String(status));
    }
  });

  for (const [status, code, words] of [
    [400, "InvalidArgument", /rejects it \(400\)/],
    [401, "Unauthenticated", /offered: none/],
    [403, "PermissionDenied", /forbidden/],
    [404, "NotFound", /repository does not exist/],
    [405, "FailedPrecondition", /read-only/],
    [409, "FailedPrecondition", /409/],
    [413, "ResourceExhausted", /raise the limit there/],
    [415, "FailedPrecondition", /of this type/],
    [429, "ResourceExhausted", /too many requests; it asks to wait for 1 seconds/],
    [500, "Unavailable", /RegistryUnavailable.*answered 500/],
    [501, "FailedPrecondition", /501/],
    [503, "Unavailable", /answered 503/],
    [507, "ResourceExhausted", /no space/],
  ] as const) {
    test(`that is refused with ${status} fails with ${code}`, async () => {
      const { result, server } = await pushTo((request, response) => {
        if (!isUpload(request)) return false;
        request.resume();
        const body = JSON.stringify({ errors: [{ code: "X", message: "the registry's words" }] });
        response.writeHead(status, { "retry-after": "1" }).end(body);
        return true;
      });
      assert.ok(result instanceof RegistryError);
      assert.equal(result.code, code);
      assert.match(result.message, words);
      assert.match(result.message, status === 401 ? /offered/ : /X: the registry's words/);
      const posts = server.requests.filter(({ method }) => method === "POST").length;
      assert.equal(posts, [429, 500, 503].includes(status) ? 3 : 1, "only what may pass is tried again");
    });
  }

  test("waits as long as a registry asks for with 429, and continues", async () => {
    let refused = 0;
    let refusedAtMs = 0;
    const { result } = await pushTo(
      (request, response) => {
        if (request.method !== "POST" || refused++ > 0) return false;
        refusedAtMs = performance.now();
        response.writeHead(429, { "retry-after": "1" }).end();
        return true;
      },
      { options: { retry: { tries: 3, baseDelayMs: 1, maxDelayMs: 30_000 } } },
    );
    assert.equal(result, "uploaded");
    assert.ok(performance.now() - refusedAtMs >= 999);
  });

  test("ends with Canceled when it is aborted", async () => {
    await using directory = await tempDir();
    const abort = new AbortController();
    const uploads = takesPushes((request) => {
      if (request.method !== "PUT") return false;
      abort.abort();
      return true;
    });
    await using server = await startFakeRegistry({}, uploads.answer);
    await using registry = createRegistry(testOptions());
    const { path, descriptor } = await blobIn(directory.path, 1000);
    await assert.rejects(
      registry.pushBlob(referenceTo(server, "a:x"), descriptor, { path, mountFrom: [] }, abort.signal),
      hasCode("Canceled"),
    );
  });
});

describe("tokens for a push", () => {
  /** Wants a token for every request; `allows` says which scopes make one that lets a request through. */
  async function withTokens(
    allows: (request: IncomingMessage, scopes: readonly string[]) => boolean,
    challenge: (request: IncomingMessage) => string,
    mountFrom: readonly string[] = [],
  ) {
    const asked: (readonly string[])[] = [];
    await using service = await startFakeRegistry({}, (request, response) => {
      const scopes = new URL(request.url ?? "", "http://x").searchParams.getAll("scope");
      asked.push(scopes);
      response
        .writeHead(200)
        .end(JSON.stringify({ token: Buffer.from(JSON.stringify(scopes)).toString("hex") }));
      return true;
    });
    const { result } = await pushTo(
      (request, response) => {
        const [, token] = /^Bearer (\w+)$/.exec(request.headers.authorization ?? "") ?? [];
        const scopes =
          token === undefined ? [] : (JSON.parse(Buffer.from(token, "hex").toString()) as string[]);
        if (allows(request, scopes)) return false;
        request.resume();
        const error = token === undefined ? "" : ',error="insufficient_scope"';
        const header = `Bearer realm="http://${service.host}/",scope="${challenge(request)}"${error}`;
        response.writeHead(401, { "www-authenticate": header }).end();
        return true;
      },
      { mountFrom },
    );
    return { result, asked };
  }

  test("allow pulling and pushing from the first request on", async () => {
    const { result, asked } = await withTokens(
      (_, scopes) => scopes.includes("repository:a:pull,push"),
      () => "repository:a:pull",
    );
    assert.equal(result, "uploaded");
    assert.deepEqual(asked, [["repository:a:pull,push"]]);
  });

  test("are requested again for a scope that only a later challenge names", async () => {
    const { result, asked } = await withTokens(
      (request, scopes) =>
        request.method === "HEAD" || scopes.some((scope) => scope.endsWith("pull,push,create")),
      ({ headers }) => (headers.authorization === undefined ? "repository:a:push" : "repository:a:create"),
    );
    assert.equal(result, "uploaded");
    assert.deepEqual(asked, [["repository:a:pull,push"], ["repository:a:pull,push,create"]]);
  });

  test("are requested for the repository that a blob is mounted from", async () => {
    const { asked } = await withTokens(
      (_, scopes) => scopes.includes("repository:a:pull,push"),
      () => "repository:a:pull",
      ["b"],
    );
    assert.deepEqual(asked, [["repository:a:pull,push"], ["repository:a:pull,push", "repository:b:pull"]]);
  });

  test("that do not allow pushing make it PermissionDenied, without endless requests", async () => {
    const { result, asked } = await withTokens(
      ({ method }, scopes) => method === "HEAD" && scopes.length > 0,
      () => "repository:a:pull,push",
    );
    assert.ok(hasCode("PermissionDenied")(result), String(result));
    assert.ok(asked.length <= 2, `${asked.length} tokens`);
  });
});

describe("hosts.toml", () => {
  test("names the host for pushes: the first with that capability, and no other", async () => {
    await using directory = await tempDir();
    const [mirrored, own] = [takesPushes(), takesPushes()];
    await using mirror = await startFakeRegistry({}, mirrored.answer);
    await using registryServer = await startFakeRegistry({}, own.answer);
    const hosts = join(directory.path, "registry.example");
    await mkdir(hosts);
    const push = async (toml: string): Promise<void> => {
      await writeFile(join(hosts, "hosts.toml"), toml);
      await using registry = createRegistry(testOptions({ certsDirs: [directory.path] }));
      const { path, descriptor } = await blobIn(directory.path, 10);
      const reference = referenceTo({ host: "registry.example" }, "a:x");
      await registry.pushBlob(reference, descriptor, { path, mountFrom: [] });
    };
    const server = `server = "http://${registryServer.host}"\n`;
    await push(`${server}[host."http://${mirror.host}"]\ncapabilities = ["pull", "resolve"]\n`);
    assert.deepEqual([mirrored.blobs.size, own.blobs.size], [0, 1]);
    await push(`${server}[host."http://${mirror.host}"]\ncapabilities = ["pull", "push"]\n`);
    assert.deepEqual([mirrored.blobs.size, own.blobs.size], [1, 1]);
    await assert.rejects(push(`${server}capabilities = ["pull"]\n`), hasCode("FailedPrecondition"));
  });
});

describe("a manifest with a subject", () => {
  const subject = { mediaType: mediaType.ociManifest, digest: digestOf(Buffer.from("{}")), size: 2 };
  const referrer = (name: string) => {
    const config = { mediaType: "application/vnd.oci.empty.v1+json", digest: subject.digest, size: 2 };
    const annotations = { name };
    const document = {
      schemaVersion: 2,
      mediaType: mediaType.ociManifest,
      artifactType: "text/x",
      config,
      layers: [],
      subject,
      annotations,
    };
    const bytes = Buffer.from(JSON.stringify(document));
    return {
      bytes,
      descriptor: { mediaType: mediaType.ociManifest, digest: digestOf(bytes), size: bytes.length },
    };
  };
  const listTag = `a ${subject.digest.replace(":", "-")}`;

  async function pushReferrers(misbehave: Trouble, names: readonly string[]) {
    const uploads = takesPushes(misbehave);
    await using server = await startFakeRegistry({}, uploads.answer);
    await using registry = createRegistry(testOptions());
    for (const name of names) {
      const { bytes, descriptor } = referrer(name);
      const reference = { ...referenceTo(server, "a"), tag: undefined, digest: descriptor.digest };
      await registry.pushManifest(reference, descriptor, bytes);
    }
    return uploads.manifests.get(listTag);
  }

  test("is added once to the list of referrers if the registry lacks the API", async () => {
    const list = await pushReferrers(() => false, ["one", "two", "one"]);
    assert.equal(list?.type, mediaType.ociIndex);
    const { manifests } = JSON.parse(String(list?.bytes)) as { manifests: unknown };
    assert.deepEqual(
      manifests,
      ["one", "two"].map((name) => ({
        ...referrer(name).descriptor,
        artifactType: "text/x",
        annotations: { name },
      })),
    );
  });

  // crane and skopeo delete a referrer without removing it from the list
  // (findings/referrers-left-by-delete.sh).
  test("is added to a list of referrers in which it replaces an entry that was deleted", async () => {
    await using directory = await tempDir();
    await using server = await startRegistry();
    await using registry = createRegistry(testOptions());
    const config = Buffer.from("{}");
    const path = join(directory.path, "config");
    await writeFile(path, config);
    await registry.pushBlob(referenceTo(server, "a"), subject, { path, mountFrom: [] });
    const push = async (name: string) => {
      const { bytes, descriptor } = referrer(name);
      const reference = { ...referenceTo(server, "a"), tag: undefined, digest: descriptor.digest };
      await registry.pushManifest(reference, descriptor, bytes);
      return descriptor.digest;
    };
    const kept = await push("one");
    const gone = await push("two");
    const manifests = `http://${server.host}/v2/a/manifests`;
    assert.equal((await fetch(`${manifests}/${gone}`, { method: "DELETE" })).status, 202);
    const last = await push("three");
    const headers = { accept: mediaType.ociIndex };
    const list = await (await fetch(`${manifests}/${listTag.slice(2)}`, { headers })).json();
    const digests = (list as { manifests: readonly Descriptor[] }).manifests.map(({ digest }) => digest);
    assert.deepEqual(digests, [kept, last]);
  });

  test("is left to a registry with the referrers API", async () => {
    const list = await pushReferrers(
      ({ method }, response) => {
        if (method === "PUT") response.setHeader("oci-subject", subject.digest);
        return false;
      },
      ["one"],
    );
    assert.equal(list, undefined);
  });
});

for (const [status, code] of [
  [412, "FailedPrecondition"],
  [413, "ResourceExhausted"],
  [405, "FailedPrecondition"],
] as const) {
  test(`a manifest that is refused with ${status} fails with ${code}`, async () => {
    const uploads = takesPushes((request, response) => {
      if (request.method !== "PUT") return false;
      request.resume();
      response.writeHead(status).end();
      return true;
    });
    await using server = await startFakeRegistry({}, uploads.answer);
    await using registry = createRegistry(testOptions());
    const { target, blobs } = await imageOf();
    const bytes = blobs.get(target.digest)?.bytes ?? Buffer.alloc(0);
    await assert.rejects(registry.pushManifest(referenceTo(server, "a:x"), target, bytes), hasCode(code));
  });
}

test("a manifest to which the tag already points is not sent again", async () => {
  const uploads = takesPushes();
  await using server = await startFakeRegistry({}, uploads.answer);
  await using registry = createRegistry(testOptions());
  const { target, blobs } = await imageOf();
  const bytes = blobs.get(target.digest)?.bytes ?? Buffer.alloc(0);
  const reference = referenceTo(server, "a:x");
  assert.equal(await registry.hasManifest(reference, target), false);
  await registry.pushManifest(reference, target, bytes);
  await registry.pushManifest(reference, target, bytes);
  assert.equal(methods(server), "HEAD HEAD PUT HEAD");
  assert.equal(await registry.hasManifest(reference, target), true);
});

test("a blob arrives intact over TLS at a server that reads slowly, cuts off the first attempt and redirects the second", async () => {
  await using directory = await tempDir();
  const { path, bytes, descriptor } = await blobIn(directory.path, 8 * 2 ** 20 + 12_345);
  const [key, cert] = [join(directory.path, "key"), join(directory.path, "cert")];
  const name = ["-subj", "/CN=localhost", "-days", "1"];
  await run("openssl", [
    "req",
    "-x509",
    "-newkey",
    "rsa:2048",
    "-nodes",
    "-keyout",
    key,
    "-out",
    cert,
    ...name,
  ]);
  const received: Buffer[] = [];
  let puts = 0;
  const options = { key: await readFile(key), cert: await readFile(cert) };
  await using server = createTlsServer(options, async (request, response) => {
    const isPut = request.method === "PUT";
    if (isPut && ++puts === 2) {
      response.writeHead(307, { location: `${request.url}&elsewhere=1` }).end();
      return;
    }
    if (!isPut) {
      const location = "/v2/a/blobs/uploads/one";
      if (request.method === "POST") response.writeHead(202, { location }).end();
      else response.writeHead(404).end();
      return;
    }
    received.length = 0;
    for await (const chunk of request) {
      received.push(chunk);
      if (puts === 1 && received.length > 20) {
        request.socket.destroy();
        return;
      }
      if (received.length % 20 === 0) await delay(2);
    }
    response.writeHead(201).end();
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  assert.ok(address !== null && typeof address !== "string");
  const host = `127.0.0.1:${address.port}`;
  await mkdir(join(directory.path, "certs.d", host), { recursive: true });
  await writeFile(
    join(directory.path, "certs.d", host, "hosts.toml"),
    `[host."https://${host}"]\n  capabilities = ["pull", "resolve", "push"]\n  skip_verify = true\n`,
  );
  await using registry = createRegistry(testOptions({ certsDirs: [join(directory.path, "certs.d")] }));
  const pushed = await registry.pushBlob(referenceTo({ host }, "a:b"), descriptor, { path, mountFrom: [] });
  assert.equal(pushed, "uploaded");
  assert.equal(puts, 3);
  assert.ok(Buffer.concat(received).equals(bytes));
  server.closeAllConnections();
});
