import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { createServer, request as httpRequest } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { type Misbehaviour, startFakeRegistry } from "../../testing/fake-registry.ts";
import { imageOf } from "../../testing/images.ts";
import { tempDir } from "../../testing/temp-dir.ts";
import { createRegistry } from "./index.ts";
import { proxyFor } from "./proxy.ts";
import { referenceTo, testOptions } from "./testing/options.ts";

test("NO_PROXY means the same as in Go's programs", () => {
  const goesDirect = (noProxy: string, host: string): boolean =>
    proxyFor(new URL(`https://${host}/v2/`), { HTTPS_PROXY: "proxy.test:3128", NO_PROXY: noProxy }) ===
    undefined;
  const cases: readonly (readonly [
    noProxy: string,
    direct: readonly string[],
    proxied: readonly string[],
  ])[] = [
    ["10.99.0.0/16, fd00::/8", ["10.99.0.1:5055", "[fd00::1]:5000"], ["10.98.0.1", "[fe80::1]", "a.test"]],
    ["10.0.0.1,10.0.0.2:5000", ["10.0.0.1:5055", "10.0.0.2:5000"], ["10.0.0.2:5001", "10.0.0.3"]],
    ["[fd00::1]:5000,fd00::2", ["[fd00::1]:5000", "[fd00::2]"], ["[fd00::1]:5001"]],
    [
      "example.com",
      ["example.com", "a.example.com:5000", "A.Example.COM"],
      ["anexample.com", "example.com.evil.test"],
    ],
    [".example.com,*.other.test", ["a.example.com", "b.other.test"], ["example.com", "other.test"]],
    ["example.com:443", ["example.com", "a.example.com:443"], ["example.com:5000"]],
    ["*", ["anything.test", "8.8.8.8"], []],
    ["", ["localhost:5000", "127.0.0.1", "[::1]:5000"], ["anything.test"]],
    [" , 300.0.0.0/8, 10.0.0.0/33, /8", [], ["10.0.0.1", "anything.test"]],
  ];
  for (const [noProxy, direct, proxied] of cases) {
    for (const host of direct) assert.equal(goesDirect(noProxy, host), true, `${noProxy}: ${host}`);
    for (const host of proxied) assert.equal(goesDirect(noProxy, host), false, `${noProxy}: ${host}`);
  }
});

test("each scheme has its own proxy, and an invalid URL is reported without its password", () => {
  const http = new URL("http://a.test/");
  const https = new URL("https://a.test/");
  assert.equal(proxyFor(http, { http_proxy: "http://u:p@p.test:1" })?.host, "p.test:1");
  assert.equal(proxyFor(https, { HTTP_PROXY: "http://p.test:1" }), undefined);
  assert.equal(proxyFor(https, { HTTPS_PROXY: "socks5h://p.test:1" })?.protocol, "socks5:");
  assert.throws(() => proxyFor(https, { HTTPS_PROXY: "ftp://u:secret@p.test" }), /HTTPS_PROXY (?!.*secret)/);
});

/** A proxy that leads everything to one host, and keeps what it was asked for. */
async function startProxy(target: string) {
  const seen: string[] = [];
  const [host = "", port = ""] = target.split(":");
  const server = createServer((request, response) => {
    seen.push(`${request.method} ${request.url} ${request.headers["proxy-authorization"] ?? ""}`);
    const { "proxy-authorization": _, ...headers } = request.headers;
    const path = new URL(request.url ?? "").pathname;
    const onward = httpRequest({ host, port, path, method: request.method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    request.pipe(onward);
  });
  server.on("connect", (request, socket) => {
    seen.push(`CONNECT ${request.url}`);
    const onward = connect(Number(port), host, () => socket.write("HTTP/1.1 200 OK\r\n\r\n"));
    onward.on("error", () => socket.destroy());
    socket.on("error", () => onward.destroy());
    onward.pipe(socket).pipe(onward);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return {
    url: `http://user:p%40ss@127.0.0.1:${address.port}`,
    seen,
    [Symbol.asyncDispose]: async () => {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

/** Sets variables of this process's environment until it is disposed of. */
function environment(variables: Readonly<Record<string, string>>): Disposable {
  const before = { ...process.env };
  Object.assign(process.env, variables);
  return {
    [Symbol.dispose]: () => {
      for (const name of Object.keys(variables)) delete process.env[name];
      Object.assign(process.env, before);
    },
  };
}

async function resolveThroughProxy(server: string): Promise<readonly string[]> {
  const image = await imageOf();
  await using registry = await startFakeRegistry({ "a:b": image });
  await using proxy = await startProxy(registry.host);
  await using directory = await tempDir();
  await mkdir(join(directory.path, "registry.test"));
  await writeFile(join(directory.path, "registry.test", "hosts.toml"), `server = "${server}"\n`);
  using _environment = environment({ HTTP_PROXY: proxy.url, HTTPS_PROXY: proxy.url, NO_PROXY: "" });
  await using client = createRegistry(testOptions({ certsDirs: [directory.path] }));
  const resolving = client.resolve(referenceTo({ host: "registry.test" }, "a:b"));
  const resolved = await resolving.catch(() => undefined);
  if (resolved !== undefined) assert.equal(resolved.descriptor.digest, image.target.digest);
  return proxy.seen;
}

test("a registry without TLS is reached through the proxy by its whole URL, without a tunnel", async () => {
  const credentials = Buffer.from("user:p@ss").toString("base64");
  assert.deepEqual(await resolveThroughProxy("http://registry.test"), [
    `GET http://registry.test/v2/a/manifests/b Basic ${credentials}`,
  ]);
});

test("a registry with TLS is reached through a tunnel", async () => {
  const seen = await resolveThroughProxy("https://registry.test:5055");
  assert.equal(seen[0], "CONNECT registry.test:5055");
});

test("responses with far more than 16 KiB of headers are accepted, and redirects to URLs of that length followed", async () => {
  const image = await imageOf();
  const long = "x".repeat(60_000);
  const misbehave: Misbehaviour = (request, response) => {
    if (request.url?.includes(long)) return false;
    response.setHeader("set-cookie", `a=${long}`);
    if (request.url?.includes("/blobs/") !== true) return false;
    response.writeHead(307, { location: `${request.url}?signature=${long}` }).end();
    return true;
  };
  await using server = await startFakeRegistry({ "a:b": image }, misbehave);
  await using client = createRegistry(testOptions());
  const { descriptor } = await client.resolve(referenceTo(server, "a:b"));
  assert.equal(descriptor.digest, image.target.digest);
  const [config] = [...image.blobs].filter(([, blob]) => blob.mediaType.includes("config"));
  assert.ok(config);
  const [digest, { mediaType, bytes }] = config;
  const wanted = { mediaType, digest, size: bytes.length };
  assert.deepEqual(Buffer.from(await client.fetchSmall(referenceTo(server, "a:b"), wanted)), bytes);
});
