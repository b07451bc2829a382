/** berth accepts images that cosign signed, and cosign verifies signatures that berth pushed. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { promisify } from "node:util";
import { imageOf } from "../../src/testing/images.ts";
import { pushImage, startRegistry, type TestRegistry } from "../../src/testing/registry.ts";
import { TestBerth } from "../support/berth.ts";
import { cli, cliOutput } from "../support/cli.ts";
import { clientProgram } from "../support/client-programs.ts";

const run = promisify(execFile);
/** How cosign stores its signatures, and the policy rule that accepts them. */
const forms = {
  "a bundle": { format: [], identity: { type: "matchDigest" } },
  "a tag": { format: ["--new-bundle-format=false"], identity: { type: "matchRepository" } },
} as const;

describe("images that cosign has signed", () => {
  let directory = "";
  let registry: TestRegistry;
  let berth: TestBerth;
  const plain = ["--allow-insecure-registry", "--allow-http-registry"];
  const cosign = (...args: readonly string[]) =>
    run(clientProgram("cosign"), args, {
      cwd: directory,
      env: { ...process.env, HOME: directory, COSIGN_PASSWORD: "" },
      timeout: 60_000,
    });
  const sign = (image: string, key: string, format: readonly string[]) =>
    cosign(
      "sign",
      "--yes",
      ...["--key", `${key}.key`],
      // There is no transparency log and no certificate authority here.
      ...["--use-signing-config=false", "--tlog-upload=false"],
      ...format,
      ...plain,
      image,
    );
  const verify = (image: string, format: readonly string[]) =>
    cosign("verify", "--key", "ours.pub", "--insecure-ignore-tlog", ...format, ...plain, image);
  const under = async (identity: object): Promise<void> => {
    const signed = { type: "sigstoreSigned", keyPath: join(directory, "ours.pub"), signedIdentity: identity };
    const docker = { [registry.host]: [signed] };
    const policy = { default: [{ type: "reject" }], transports: { docker } };
    await writeFile(join(directory, "policy.json"), JSON.stringify(policy));
  };
  const pushed = async (name: string): Promise<string> => {
    const image = await imageOf({ layers: [[{ name: "file", content: name }]] });
    await pushImage(registry, name, "v1", image);
    return `${registry.host}/${name}@${image.target.digest}`;
  };

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), "berth-signatures-"));
    registry = await startRegistry();
    for (const prefix of ["ours", "theirs"]) await cosign("generate-key-pair", "--output-key-prefix", prefix);
    await writeFile(join(directory, "all.yaml"), "default-docker:\n  use-sigstore-attachments: true\n");
    berth = await TestBerth.start({
      config: `[images]\nsignature_policy = "${directory}/policy.json"\nregistries_dir = "${directory}"\n`,
    });
  });
  after(async () => {
    await berth?.[Symbol.asyncDispose]();
    await registry?.[Symbol.asyncDispose]();
    await rm(directory, { recursive: true });
  });

  for (const [form, { format, identity }] of Object.entries(forms)) {
    it(`with ${form} are pulled under a policy with its key, and others are not`, async () => {
      const name = form.replace(" ", "-");
      const [image, other] = [await pushed(name), await pushed(`other-${name}`)];
      await under(identity);
      await sign(image, "ours", format);
      await sign(other, "theirs", format);
      await berth.clients.images.pullImage({
        image: { image, userSpecifiedImage: "", annotations: {}, runtimeHandler: "", imageRef: "" },
        auth: undefined,
        sandboxConfig: undefined,
      });
      const refused = await cli(berth, "pull", other);
      assert.notEqual(refused.status, 0);
      assert.match(refused.stderr, /SignatureValidationFailed: .*not by a key of the policy/);
    });
  }

  it("are verified by cosign after berth has pushed them with their signatures", async () => {
    const image = await pushed("mirrored");
    const { format, identity } = forms["a tag"];
    await sign(image, "ours", format);
    await under(identity);
    await berth.pull(image);
    await using elsewhere = await startRegistry();
    const copy = `${elsewhere.host}/copy`;
    const tag = `${image.slice(image.indexOf("@") + 1).replace(":", "-")}.sig`;
    await cliOutput(berth, "push", "-q", image, `${copy}:v1`);
    await assert.rejects(verify(`${copy}:v1`, format), /no signatures found/);
    // A signature is an artifact of its own; no policy for images requires a signature for it.
    await writeFile(join(directory, "policy.json"), '{"default": [{"type": "insecureAcceptAnything"}]}');
    await cliOutput(berth, "pull", "-q", `${registry.host}/mirrored:${tag}`);
    await cliOutput(berth, "push", "-q", `${registry.host}/mirrored:${tag}`, `${copy}:${tag}`);
    const { stdout } = await verify(`${copy}:v1`, format);
    assert.match(stdout, new RegExp(image.slice(image.indexOf("@") + 1)));
  });
});
