import assert from "node:assert/strict";
import { chmod, writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { describe, test } from "node:test";
import { tempDir } from "../../testing/temp-dir.ts";
import { dockerConfigCredentials } from "./docker-config.ts";
import { type Credentials, RegistryError } from "./index.ts";

async function credentials(
  config: unknown,
  host: string,
  repository = "team/app",
): Promise<Credentials | undefined> {
  await using directory = await tempDir();
  const file = join(directory.path, "config.json");
  await writeFile(file, typeof config === "string" ? config : JSON.stringify(config));
  return await dockerConfigCredentials(file, host, repository, undefined);
}

const auth = (text: string): string => Buffer.from(text).toString("base64");
const basic = (username: string, password: string): Credentials => ({ kind: "basic", username, password });

describe("docker's config.json", () => {
  test("yields the credentials of the host in whatever form it is written", async () => {
    const config = {
      auths: {
        "https://index.docker.io/v1/": { auth: auth("hub:a:b") },
        "plain.example:5000": { username: "me", password: "hush" },
        "https://url.example/v2/": { identitytoken: "identity" },
      },
    };
    assert.deepEqual(await credentials(config, "docker.io"), basic("hub", "a:b"));
    assert.deepEqual(await credentials(config, "registry-1.docker.io"), basic("hub", "a:b"));
    assert.deepEqual(await credentials(config, "plain.example:5000"), basic("me", "hush"));
    assert.deepEqual(await credentials(config, "url.example"), { kind: "identityToken", token: "identity" });
    assert.equal(await credentials(config, "plain.example"), undefined);
    assert.equal(await credentials(config, "evil-plain.example:5000"), undefined);
  });

  test("prefers the longest path that covers the repository", async () => {
    const config = {
      auths: {
        r: { auth: auth("all:x") },
        "r/team": { auth: auth("team:x") },
        "r/tea": { auth: auth("tea:x") },
      },
    };
    assert.deepEqual(await credentials(config, "r", "team/app"), basic("team", "x"));
    assert.deepEqual(await credentials(config, "r", "teams/app"), basic("all", "x"));
  });

  test("may be missing, or have no credentials", async () => {
    assert.equal(await dockerConfigCredentials("/nonexistent/config.json", "r", "a", undefined), undefined);
    assert.equal(await credentials({}, "r"), undefined);
    assert.equal(await credentials({ auths: { r: {} } }, "r"), undefined);
  });

  test("is an error that names the file and not its secrets if it is invalid", async () => {
    for (const text of [
      '{"auths": {"r": {"auth": "c2VjcmV0"',
      JSON.stringify({ auths: { r: { auth: "c2VjcmV0" } } }),
    ]) {
      await assert.rejects(credentials(text, "r"), (error) => {
        assert.ok(error instanceof RegistryError && error.code === "InvalidArgument");
        assert.match(error.message, /config\.json/);
        assert.doesNotMatch(`${error.message} ${error.cause}`, /c2VjcmV0|secret/);
        return true;
      });
    }
  });

  test("asks the credential helper that is configured for the host", async () => {
    await using directory = await tempDir();
    const helper = join(directory.path, "docker-credential-berthtest");
    await writeFile(
      helper,
      '#!/bin/sh\nread server\ncase $server in r) echo \'{"Username":"<token>","Secret":"t"}\';; broken) exit 3;; *) echo "credentials not found in native keychain"; exit 1;; esac\n',
    );
    await chmod(helper, 0o755);
    const path = process.env.PATH;
    process.env.PATH = `${directory.path}${delimiter}${path}`;
    try {
      const config = {
        credHelpers: { r: "berthtest", broken: "berthtest", other: "berthtest", absent: "berth-none" },
        auths: { other: { auth: auth("a:b") } },
      };
      assert.deepEqual(await credentials(config, "r"), { kind: "identityToken", token: "t" });
      assert.deepEqual(await credentials(config, "other"), basic("a", "b"));
      await assert.rejects(
        credentials(config, "broken"),
        /docker-credential-berthtest get for broken: failed \(3\)/,
      );
      await assert.rejects(credentials(config, "absent"), /ENOENT/);
      await assert.rejects(
        credentials({ credsStore: "../evil" }, "r"),
        /not the name of a credential helper/,
      );
    } finally {
      process.env.PATH = path;
    }
  });
});
