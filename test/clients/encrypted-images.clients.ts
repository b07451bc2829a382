/** berth decrypts images that nerdctl encrypted, with the library that CRI-O and containerd use as well. */
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { TestBerth } from "../support/berth.ts";
import { cli } from "../support/cli.ts";
import { withClients } from "../support/with-clients.ts";

const program = fileURLToPath(new URL("../../src/testing/key-provider.ts", import.meta.url));
const variable = "OCICRYPT_KEYPROVIDER_CONFIG";

describe("images that nerdctl has encrypted for a key provider", () => {
  const host = withClients();
  let directory = "";
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), "berth-encrypted-"));
    const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    await writeFile(join(directory, "key.pem"), privateKey.export({ type: "pkcs8", format: "pem" }));
    const cmd = { path: process.execPath, args: [program, join(directory, "key.pem")] };
    await writeFile(
      join(directory, "providers.json"),
      JSON.stringify({ "key-providers": { test: { cmd } } }),
    );
    process.env[variable] = join(directory, "providers.json");
  });
  after(async () => {
    delete process.env[variable];
    await rm(directory, { recursive: true });
  });

  it("run if the provider unwraps their keys, and are rejected otherwise", async () => {
    const image = `${host.registry.host}/encrypted:1`;
    await host.programs.nerdctl("pull", host.image);
    await host.programs.nerdctl("image", "encrypt", "--recipient", "provider:test:any", host.image, image);
    await host.programs.nerdctl("push", image);
    const refused = await cli(host.berth, "pull", image);
    assert.match(refused.stderr, /is encrypted for the key provider "test"; .*images\.key_providers/);
    const config = `[images]\nkey_providers = "${directory}/providers.json"\n`;
    await using berth = await TestBerth.start({ config });
    const ran = await cli(berth, "run", "--rm", image, "echo", "decrypted");
    assert.deepEqual([ran.status, ran.stdout], [0, "decrypted\n"], ran.stderr);
  });
});
