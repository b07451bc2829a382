import assert from "node:assert/strict";
import { chmod, chown, readdir, readFile, readlink, stat, symlink, writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { describe, test } from "node:test";
import { tempDir } from "../../testing/temp-dir.ts";
import { dockerConfigCredentials } from "./docker-config.ts";
import { eraseCredentials, storeCredentials } from "./docker-config-file.ts";

const me = { username: "me", password: "hu:sh" };
const basic = { kind: "basic", ...me };
const read = async (file: string) => JSON.parse(await readFile(file, "utf8"));
const mode = async (path: string) => (await stat(path)).mode & 0o777;

describe("credentials that are stored in docker's config.json", () => {
  test("are found again, in a file that only its owner can read", async () => {
    await using directory = await tempDir();
    const file = join(directory.path, "docker", "config.json");
    assert.equal(await storeCredentials(file, "registry.example:5000", me), undefined);
    assert.deepEqual([await mode(file), await mode(join(directory.path, "docker"))], [0o600, 0o700]);
    assert.deepEqual(await dockerConfigCredentials(file, "registry.example:5000", "a", undefined), basic);
    await storeCredentials(file, "docker.io", me);
    assert.deepEqual(Object.keys((await read(file)).auths), [
      "registry.example:5000",
      "https://index.docker.io/v1/",
    ]);
    assert.equal(await eraseCredentials(file, "registry.example:5000"), true);
    assert.equal(await eraseCredentials(file, "registry.example:5000"), false);
    assert.equal(await eraseCredentials(join(directory.path, "none"), "registry.example"), false);
    assert.deepEqual(await readdir(join(directory.path, "docker")), [".config.json.lock", "config.json"]);
  });

  test("replace what other tools wrote for the host, and leave everything else, including a link", async () => {
    await using directory = await tempDir();
    const file = join(directory.path, "real.json");
    const link = join(directory.path, "config.json");
    const before = {
      proxies: { default: { httpProxy: "http://proxy" } },
      auths: { "https://r/v2/": { auth: "b2xkOm9sZA==" }, "r/team": { auth: "dGVhbTp4" }, other: {} },
    };
    await writeFile(file, JSON.stringify(before), { mode: 0o644 });
    await symlink("real.json", link);
    await storeCredentials(link, "r", me);
    assert.equal(await readlink(link), "real.json");
    assert.equal(await mode(file), 0o600);
    const after = await read(file);
    assert.deepEqual(after.proxies, before.proxies);
    assert.deepEqual(Object.keys(after.auths), ["r/team", "other", "r"]);
    assert.deepEqual(await dockerConfigCredentials(link, "r", "a", undefined), basic);
  });

  test("do not overwrite an invalid file", async () => {
    await using directory = await tempDir();
    const file = join(directory.path, "config.json");
    await writeFile(file, '{"auths": {');
    await assert.rejects(storeCredentials(file, "r", me), /config\.json: not JSON/);
    assert.equal(await readFile(file, "utf8"), '{"auths": {');
  });

  test("can be stored by a user after root has stored some for them", async () => {
    await using directory = await tempDir();
    await chown(directory.path, 1234, 1235);
    await storeCredentials(join(directory.path, "config.json"), "r", me);
    const { uid, gid } = await stat(join(directory.path, ".config.json.lock"));
    assert.deepEqual([uid, gid], [1234, 1235]);
  });

  test("are all kept if several are stored and erased at the same time", async () => {
    await using directory = await tempDir();
    const file = join(directory.path, "docker", "config.json");
    const hosts = Array.from({ length: 8 }, (_, index) => `r${index}.example`);
    await Promise.all(hosts.map((host) => storeCredentials(file, host, me)));
    assert.deepEqual(Object.keys((await read(file)).auths).toSorted(), hosts);
    const erased = await Promise.all(hosts.slice(0, 4).map((host) => eraseCredentials(file, host)));
    assert.deepEqual(
      [erased, Object.keys((await read(file)).auths).toSorted()],
      [[true, true, true, true], hosts.slice(4)],
    );
  });

  test("go to the configured credential helper, and not into the file", async () => {
    await using directory = await tempDir();
    const kept = join(directory.path, "kept");
    const helper = join(directory.path, "docker-credential-berthkeep");
    const script = `#!/bin/sh
case $1 in
  store) cat > ${kept} ;;
  erase) read server; rm ${kept} && echo "$server" > ${kept}.erased ;;
  get) read server; grep -q ""$server"" ${kept} && cat ${kept} || { echo "credentials not found in native keychain"; exit 1; } ;;
esac
`;
    await writeFile(helper, script);
    await chmod(helper, 0o755);
    const path = process.env.PATH;
    process.env.PATH = `${directory.path}${delimiter}${path}`;
    try {
      const file = join(directory.path, "config.json");
      await writeFile(file, JSON.stringify({ credHelpers: { r: "berthkeep" } }));
      assert.equal(await storeCredentials(file, "r", me), "berthkeep");
      assert.deepEqual((await read(file)).auths, { r: {} });
      assert.deepEqual(await read(kept), { ServerURL: "r", Username: "me", Secret: "hu:sh" });
      assert.deepEqual(await dockerConfigCredentials(file, "r", "a", undefined), basic);
      assert.equal(await eraseCredentials(file, "r"), true);
      assert.equal(await readFile(`${kept}.erased`, "utf8"), "r\n");
      assert.equal(await eraseCredentials(file, "r"), false);
    } finally {
      process.env.PATH = path;
    }
  });
});
