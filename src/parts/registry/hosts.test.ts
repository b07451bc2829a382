import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, test } from "node:test";
import { tempDir } from "../../testing/temp-dir.ts";
import type { Endpoint } from "./endpoint.ts";
import { endpointsFor } from "./hosts.ts";
import { findHostsProblems, RegistryError } from "./index.ts";

async function endpoints(
  host: string,
  files: Readonly<Record<string, string>>,
): Promise<{ root: string; found: readonly Endpoint[] }> {
  await using directory = await tempDir();
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(directory.path, name)), { recursive: true });
    await writeFile(join(directory.path, name), text);
  }
  return {
    root: directory.path,
    found: await endpointsFor(host, { certsDirs: [join(directory.path, "none"), directory.path] }),
  };
}

describe("without configuration", () => {
  const defaults: readonly (readonly [string, string, boolean, boolean])[] = [
    ["docker.io", "https://registry-1.docker.io/v2", false, false],
    ["registry.example", "https://registry.example/v2", false, false],
    ["registry.example:5000", "https://registry.example:5000/v2", false, false],
    ["localhost:5000", "https://localhost:5000/v2", true, true],
    ["127.0.0.1:5000", "https://127.0.0.1:5000/v2", true, true],
    ["[::1]:5000", "https://[::1]:5000/v2", true, true],
    ["localhost", "https://localhost/v2", true, false],
    ["127.0.0.1:80", "http://127.0.0.1:80/v2", false, false],
    ["127.0.0.1.example:5000", "https://127.0.0.1.example:5000/v2", false, false],
  ];
  for (const [host, base, skipVerify, plainHttpFallback] of defaults) {
    test(`${host} is ${base}${plainHttpFallback ? ", with or without TLS" : ""}`, async () => {
      const { found } = await endpoints(host, {});
      assert.equal(found.length, 1);
      assert.equal(found[0]?.base, base);
      assert.equal(found[0]?.role, "registry");
      assert.equal(found[0]?.tls.skipVerify, skipVerify);
      assert.equal(found[0]?.plainHttpFallback, plainHttpFallback);
    });
  }
});

test("an invalid registry address is refused with a clear error", async () => {
  await assert.rejects(endpoints("127.0.0.1:99999", {}), {
    name: "RegistryError",
    code: "InvalidArgument",
    message: "127.0.0.1:99999 is not a registry address: ports end at 65535",
  });
});

describe("hosts.toml", () => {
  test("gives mirrors in its order, then the registry", async () => {
    const { found, root } = await endpoints("docker.io", {
      "docker.io/hosts.toml": `
        server = "https://docker.io"
        [host."https://z.example"]
          capabilities = ["pull"]
          ca = ["ca.crt", "/etc/ssl/other.crt"]
          client = [["client.cert", "client.key"]]
          dial_timeout = "1m0.5s"
          [host."https://z.example".header]
            x-token = ["a", "b"]
        [host."a.example/some/path"]
          skip_verify = true
        [host."http://b.example/api"]
          override_path = true
      `,
    });
    assert.deepEqual(
      found.map(({ base, role, resolves }) => [base, role, resolves]),
      [
        ["https://z.example/v2", "mirror", false],
        ["https://a.example/some/path/v2", "mirror", true],
        ["http://b.example/api", "mirror", true],
        ["https://docker.io/v2", "registry", true],
      ],
    );
    assert.deepEqual(found[0]?.tls.caFiles, [join(root, "docker.io/ca.crt"), "/etc/ssl/other.crt"]);
    const pair = [join(root, "docker.io/client.cert"), join(root, "docker.io/client.key")];
    assert.deepEqual(found[0]?.tls.clientPairs, [pair]);
    assert.equal(found[0]?.dialTimeoutMs, 60_500);
    assert.deepEqual(found[0]?.headers, { "x-token": ["a", "b"] });
    assert.equal(found[1]?.tls.skipVerify, true);
  });

  test("falls back to the usual endpoint if it names no server", async () => {
    const { found } = await endpoints("docker.io", {
      "docker.io/hosts.toml": '[host."https://m.example"]\n',
    });
    assert.deepEqual(
      found.map(({ base }) => base),
      ["https://m.example/v2", "https://registry-1.docker.io/v2"],
    );
  });

  test("is searched as host_port_, host:port and _default, in this order", async () => {
    const file = (name: string): string => `server = "https://${name}.example"`;
    const all = {
      "r_5000_/hosts.toml": file("first"),
      "r:5000/hosts.toml": file("second"),
      "_default/hosts.toml": file("third"),
    };
    const { "r_5000_/hosts.toml": _, ...rest } = all;
    assert.equal((await endpoints("r:5000", all)).found[0]?.host, "first.example");
    assert.equal((await endpoints("r:5000", rest)).found[0]?.host, "second.example");
    const fallback = (await endpoints("other:5000", all)).found[0];
    assert.equal(fallback?.host, "third.example");
    assert.equal(fallback?.role, "mirror", "_default says nothing of whose credentials it may have");
  });

  const wrong: readonly (readonly [string, RegExp])[] = [
    ['capabilities = ["pul"]', /capabilities: unknown capability "pul"/],
    ['skip_verify = "yes"', /skip_verify: expected true or false/],
    ['dial_timeout = "soon"', /dial_timeout: expected a duration/],
    ['server = "ftp://a"', /server: "ftp:\/\/a" is not/],
    ['server = "https://u:p@a"', /must not contain a user, password or query/],
    ["ca = 1", /ca: expected a string/],
    ['client = [["a", "b", "c"]]', /client: expected a file or a pair/],
    ['[header]\nx = "a\\r\\nb"', /header\.x: a header must be a single line/],
    ["server = ", /hosts\.toml: not TOML/],
  ];
  for (const [text, why] of wrong) {
    test(`with ${JSON.stringify(text)} is an error that names the file`, async () => {
      const reading = endpoints("r", { "r/hosts.toml": text });
      await assert.rejects(
        reading,
        (error) =>
          error instanceof RegistryError && error.code === "InvalidArgument" && why.test(error.message),
      );
    });
  }
});

test("an unknown key is ignored and reported by findHostsProblems; an invalid file only affects its host", async () => {
  await using directory = await tempDir();
  const root = directory.path;
  const text = 'foo = 1\n[host."https://mirror.example"]\nserver = "x"';
  const files = { "r/hosts.toml": text, "broken/hosts.toml": "server = ", "plain/ca.crt": "" };
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(root, name)), { recursive: true });
    await writeFile(join(root, name), content);
  }
  const found = await endpointsFor("r", { certsDirs: [root] });
  assert.deepEqual(
    found.map(({ host }) => host),
    ["mirror.example", "r"],
  );
  const problems = (await findHostsProblems([root, join(root, "none")])).toSorted((a, b) =>
    a.path < b.path ? -1 : 1,
  );
  assert.deepEqual(problems.map(({ path, problem }) => [path.slice(root.length), problem]).slice(1), [
    ["/r/hosts.toml", "foo: unknown key, ignored"],
    ["/r/hosts.toml", 'host."https://mirror.example".server: unknown key, ignored'],
  ]);
  assert.match(JSON.stringify(problems[0]), /broken.*not TOML.*pulls from its host are refused/);
});

test("a directory in Docker's layout provides CAs and client certificates", async () => {
  const { found, root } = await endpoints("r:5000", {
    "r:5000/ca.crt": "",
    "r:5000/me.cert": "",
    "r:5000/me.key": "",
    "r:5000/all.cert": "",
  });
  assert.equal(found[0]?.base, "https://r:5000/v2");
  assert.deepEqual(found[0]?.tls.caFiles, [join(root, "r:5000/ca.crt")]);
  assert.deepEqual(found[0]?.tls.clientPairs, [
    [join(root, "r:5000/all.cert"), undefined],
    [join(root, "r:5000/me.cert"), join(root, "r:5000/me.key")],
  ]);
});

test("a host that is not configured is reached only over HTTP if that is requested", async () => {
  const { base, plainHttpFallback } =
    (await endpointsFor("r.example:5000", { certsDirs: [], plainHttp: true }))[0] ?? {};
  assert.deepEqual([base, plainHttpFallback], ["http://r.example:5000/v2", false]);
});
