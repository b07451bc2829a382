import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { type FakeRegistry, type Misbehaviour, startFakeRegistry } from "../../testing/fake-registry.ts";
import { imageOf } from "../../testing/images.ts";
import { startRegistry } from "../../testing/registry.ts";
import { tempDir } from "../../testing/temp-dir.ts";
import { type Credentials, createRegistry, RegistryError } from "./index.ts";
import type { RegistryOptions } from "./registry.ts";
import { referenceTo, testOptions } from "./testing/options.ts";

const hasCode = (code: string) => (error: unknown) => error instanceof RegistryError && error.code === code;
const me: Credentials = { kind: "basic", username: "me", password: "hush" };
const basicOfMe = `Basic ${Buffer.from("me:hush").toString("base64")}`;

/** Wants a token of `service` for everything; `tokens` are those it takes. */
function wantsToken(service: () => string, tokens: readonly string[]): Misbehaviour {
  return (request, response) => {
    if (tokens.some((token) => request.headers.authorization === `Bearer ${token}`)) return false;
    const challenge = `Bearer realm="${service()}",service="the registry",scope="repository:a:pull"`;
    response.writeHead(401, { "www-authenticate": challenge }).end();
    return true;
  };
}

function answersToken(body: () => unknown): Misbehaviour {
  return async (request, response) => {
    let form = "";
    for await (const chunk of request) form += chunk;
    request.headers["x-form"] = form;
    response.writeHead(200).end(JSON.stringify(body()));
    return true;
  };
}

async function resolveFrom(server: FakeRegistry, options: Partial<RegistryOptions>): Promise<unknown> {
  await using registry = createRegistry(testOptions(options));
  return await registry.resolve(referenceTo(server, "a:b")).catch((error: unknown) => error);
}

describe("Basic authentication", () => {
  test("accepts only the right password at a real registry", async () => {
    const line = "me:$2b$04$mEP8ifnWEQrhjIl.ZWjkb.cqaC2aNzXxAqG33k2m7dMOS0s6yKNNi";
    await using server = await startRegistry({ htpasswd: line });
    const outcome = async (credentials: Credentials | undefined): Promise<unknown> => {
      await using registry = createRegistry(testOptions({ credentials }));
      return await registry.resolve(referenceTo(server, "a:b")).catch((error: unknown) => error);
    };
    assert.ok(hasCode("NotFound")(await outcome(me)), "in, but there is no such image");
    assert.ok(hasCode("Unauthenticated")(await outcome({ ...me, password: "wrong" })));
    assert.ok(hasCode("Unauthenticated")(await outcome(undefined)));
    assert.ok(hasCode("NotFound")(await outcome({ ...me, serverAddress: `https://${server.host}` })));
    assert.ok(hasCode("Unauthenticated")(await outcome({ ...me, serverAddress: "elsewhere.example" })));
  });
});

describe("tokens", () => {
  test("are requested with Basic authentication for the required scope, and reused", async () => {
    await using service = await startFakeRegistry(
      {},
      answersToken(() => ({ token: "one", expires_in: 300 })),
    );
    const image = await imageOf();
    await using server = await startFakeRegistry(
      { "a:b": image },
      wantsToken(() => `http://${service.host}/token?x=y`, ["one"]),
    );
    await using registry = createRegistry(testOptions({ credentials: me }));
    await registry.resolve(referenceTo(server, "a:b"));
    await registry.fetchSmall(referenceTo(server, "a:b"), image.target);
    assert.equal(service.requests.length, 1);
    const [asked] = service.requests;
    const url = new URL(asked?.url ?? "", "http://x");
    assert.equal(asked?.headers.authorization, basicOfMe);
    assert.deepEqual(Object.fromEntries(url.searchParams), {
      x: "y",
      service: "the registry",
      scope: "repository:a:pull",
    });
    assert.equal(server.requests.length, 3, "only the first request was refused");
    assert.ok(server.requests.every(({ headers }) => headers.authorization !== basicOfMe));
  });

  test("are requested without authentication if there are no credentials", async () => {
    await using service = await startFakeRegistry(
      {},
      answersToken(() => ({ access_token: "one" })),
    );
    await using server = await startFakeRegistry(
      { "a:b": await imageOf() },
      wantsToken(() => `http://${service.host}/`, ["one"]),
    );
    assert.ok(!((await resolveFrom(server, {})) instanceof Error));
    assert.equal(service.requests[0]?.headers.authorization, undefined);
  });

  test("are requested again when they have expired or are refused", async () => {
    let made = 0;
    await using service = await startFakeRegistry(
      {},
      answersToken(() => ({ token: `t${++made}`, expires_in: 300 })),
    );
    const taken = ["t1"];
    const image = await imageOf();
    await using server = await startFakeRegistry(
      { "a:b": image },
      wantsToken(() => `http://${service.host}/`, taken),
    );
    await using registry = createRegistry(testOptions());
    await registry.resolve(referenceTo(server, "a:b"));
    taken[0] = "t2";
    await registry.fetchSmall(referenceTo(server, "a:b"), image.target);
    assert.equal(made, 2);
  });

  test("are requested with an identity token by POST", async () => {
    await using service = await startFakeRegistry(
      {},
      answersToken(() => ({ access_token: "one" })),
    );
    await using server = await startFakeRegistry(
      { "a:b": await imageOf() },
      wantsToken(() => `http://${service.host}/`, ["one"]),
    );
    const outcome = await resolveFrom(server, { credentials: { kind: "identityToken", token: "refresh" } });
    assert.ok(!(outcome instanceof Error), String(outcome));
    const [asked] = service.requests;
    assert.equal(asked?.method, "POST");
    const form = new URLSearchParams(String(asked?.headers["x-form"]));
    assert.equal(form.get("grant_type"), "refresh_token");
    assert.equal(form.get("refresh_token"), "refresh");
    assert.equal(form.get("scope"), "repository:a:pull");
  });

  test("are requested with the headers of hosts.toml if the service is on the registry's own host", async () => {
    const images = { "a:b": await imageOf() };
    for (const credentials of [me, { kind: "identityToken", token: "refresh" } as const]) {
      const token = answersToken(() => ({ access_token: "one" }));
      const wants = wantsToken(() => `http://${server.host}/token`, ["one"]);
      await using server: FakeRegistry = await startFakeRegistry(images, (request, response) =>
        (request.url?.startsWith("/token") === true ? token : wants)(request, response),
      );
      await using directory = await tempDir();
      await mkdir(join(directory.path, server.host));
      const toml = `server = "http://${server.host}"\n[header]\nx-gateway = "pass"\n`;
      await writeFile(join(directory.path, server.host, "hosts.toml"), toml);
      const outcome = await resolveFrom(server, { certsDirs: [directory.path], credentials });
      assert.ok(!(outcome instanceof Error), String(outcome));
      assert.ok(server.requests.some(({ url }) => url.startsWith("/token")));
      for (const { url, headers } of server.requests) assert.equal(headers["x-gateway"], "pass", url);
    }
  });

  test("of the registry itself are sent unchanged", async () => {
    await using server = await startFakeRegistry(
      { "a:b": await imageOf() },
      wantsToken(() => "http://127.0.0.1:1/", ["mine"]),
    );
    const outcome = await resolveFrom(server, { credentials: { kind: "registryToken", token: "mine" } });
    assert.ok(!(outcome instanceof Error), String(outcome));
  });

  test("that the service denies end in Unauthenticated, with the service's message and without the password", async () => {
    await using service = await startFakeRegistry({}, (_, response) => {
      response.writeHead(401).end(JSON.stringify({ errors: [{ code: "UNAUTHORIZED", message: "who?" }] }));
      return true;
    });
    await using server = await startFakeRegistry(
      {},
      wantsToken(() => `http://${service.host}/token?secret=1`, []),
    );
    const outcome = await resolveFrom(server, { credentials: me });
    assert.ok(hasCode("Unauthenticated")(outcome));
    assert.match(String(outcome), /token service .* answered 401 \(UNAUTHORIZED: who\?\)/);
    assert.doesNotMatch(String(outcome), /hush|secret=1/);
  });

  test("are not requested from a realm that is not an http or https URL, nor accepted if they could split a header", async () => {
    await using server = await startFakeRegistry(
      {},
      wantsToken(() => "file:///etc/passwd", []),
    );
    assert.ok(hasCode("Unauthenticated")(await resolveFrom(server, {})));
    await using service = await startFakeRegistry(
      {},
      answersToken(() => ({ token: "a\r\nx: y" })),
    );
    await using other = await startFakeRegistry(
      {},
      wantsToken(() => `http://${service.host}/`, []),
    );
    assert.match(String(await resolveFrom(other, {})), /sent no token/);
  });

  test("larger than 1 MiB are refused", async () => {
    await using service = await startFakeRegistry(
      {},
      answersToken(() => ({ token: "x".repeat(1024 * 1024) })),
    );
    await using server = await startFakeRegistry(
      {},
      wantsToken(() => `http://${service.host}/`, []),
    );
    assert.ok(hasCode("ResourceExhausted")(await resolveFrom(server, {})));
  });
});

describe("mirrors", () => {
  async function withMirror(
    check: (parts: { mirror: FakeRegistry; server: FakeRegistry; certsDir: string }) => Promise<void>,
    mirrorBehaves: Misbehaviour = () => false,
  ): Promise<void> {
    const images = { "a:b": await imageOf() };
    await using directory = await tempDir();
    await using mirror = await startFakeRegistry(images, mirrorBehaves);
    await using server = await startFakeRegistry(images, (request, response) => {
      if (request.headers.authorization !== undefined) return false;
      response.writeHead(401, { "www-authenticate": 'Basic realm="x"' }).end();
      return true;
    });
    await mkdir(join(directory.path, server.host));
    const toml = `server = "http://${server.host}"\n[host."http://${mirror.host}"]\ncapabilities = ["pull", "resolve"]\n`;
    await writeFile(join(directory.path, server.host, "hosts.toml"), toml);
    await check({ mirror, server, certsDir: directory.path });
  }

  test("are tried first, and get the registry's name", async () => {
    await withMirror(async ({ mirror, server, certsDir }) => {
      const outcome = await resolveFrom(server, { certsDirs: [certsDir] });
      assert.ok(!(outcome instanceof Error), String(outcome));
      assert.equal(mirror.requests[0]?.url, `/v2/a/manifests/b?ns=${encodeURIComponent(server.host)}`);
      assert.equal(server.requests.length, 0);
    });
  });

  test("that fail are skipped, and never get the registry's credentials", async () => {
    await withMirror(
      async ({ mirror, server, certsDir }) => {
        const outcome = await resolveFrom(server, { certsDirs: [certsDir], credentials: me });
        assert.ok(!(outcome instanceof Error), String(outcome));
        assert.ok(mirror.requests.length > 0);
        assert.ok(mirror.requests.every(({ headers }) => headers.authorization === undefined));
        assert.equal(server.requests.at(-1)?.headers.authorization, basicOfMe);
      },
      (_, response) => {
        response.writeHead(401, { "www-authenticate": 'Basic realm="mirror"' }).end();
        return true;
      },
    );
  });

  test("get their own credentials from docker's config file", async () => {
    await withMirror(
      async ({ mirror, server, certsDir }) => {
        const file = join(certsDir, "config.json");
        const auth = Buffer.from("other:secret").toString("base64");
        await writeFile(file, JSON.stringify({ auths: { [mirror.host]: { auth } } }));
        await resolveFrom(server, { certsDirs: [certsDir], dockerConfigFiles: [file], credentials: me });
        assert.equal(mirror.requests.at(-1)?.headers.authorization, `Basic ${auth}`);
        assert.equal(server.requests.length, 0);
      },
      (request, response) => {
        if (request.headers.authorization !== undefined) return false;
        response.writeHead(401, { "www-authenticate": 'Basic realm="mirror"' }).end();
        return true;
      },
    );
  });

  test("are all named if nothing answers", async () => {
    await withMirror(
      async ({ mirror, server, certsDir }) => {
        const outcome = await resolveFrom(server, { certsDirs: [certsDir] });
        assert.ok(hasCode("Unauthenticated")(outcome), "the registry's own answer counts");
        assert.match(String(outcome), new RegExp(`${mirror.host}: not found.*; ${server.host}: `));
      },
      (_, response) => {
        response.writeHead(404).end();
        return true;
      },
    );
  });
});
