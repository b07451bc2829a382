import { constants } from "node:fs";
import { access } from "node:fs/promises";
import { messageOf } from "../../../ground/errors/index.ts";
import { readKeyProviders, readPrivateKeys } from "../../../parts/encryption/index.ts";
import { readPolicy } from "../../../parts/policy/index.ts";
import { type Check, type Finding, fail, ok, warn } from "../check.ts";

/** Are the files valid that define which images are allowed, and who has the keys of encrypted ones? */
export const trustCheck: Check = {
  name: "trust",
  async run({ config: { images } }) {
    return [
      ...(images.signaturePolicy === "" ? [] : [await policyFinding(images.signaturePolicy)]),
      ...(images.keyProviders === "" ? [] : await providerFindings(images.keyProviders)),
      ...(images.decryptionKeysDir === "" ? [] : [await keysFinding(images.decryptionKeysDir)]),
    ];
  },
};

async function policyFinding(file: string): Promise<Finding> {
  const title = "signature policy";
  try {
    await readPolicy(file);
    return ok(title, `${file} is valid`);
  } catch (error) {
    return fail(
      title,
      `every pull is rejected: ${messageOf(error)}`,
      "correct the file, or set images.signature_policy to another",
    );
  }
}

async function providerFindings(file: string): Promise<readonly Finding[]> {
  const title = "key providers";
  try {
    const providers = [...(await readKeyProviders(file))];
    const programs = providers.flatMap(([name, provider]) =>
      provider.kind === "command" ? [{ name, path: provider.path }] : [],
    );
    const broken = await Promise.all(programs.map(programFinding));
    const found = broken.filter((finding) => finding !== undefined);
    return found.length > 0 ? found : [ok(title, `${file} is valid`)];
  } catch (error) {
    return [
      warn(
        title,
        `images with encrypted layers are rejected: ${messageOf(error)}`,
        "correct the file, or set images.key_providers to another",
      ),
    ];
  }
}

async function programFinding({
  name,
  path,
}: {
  readonly name: string;
  readonly path: string;
}): Promise<Finding | undefined> {
  try {
    await access(path, constants.X_OK);
    return undefined;
  } catch (error) {
    const what = `key provider ${JSON.stringify(name)}`;
    return warn(
      what,
      `it cannot be started: ${messageOf(error)}`,
      "install the program, or correct its path",
    );
  }
}

async function keysFinding(directory: string): Promise<Finding> {
  const title = "decryption keys";
  try {
    const { keys, unusable } = await readPrivateKeys(directory);
    if (unusable.length === 0) return ok(title, `${directory} has ${keys.length} private keys`);
    return warn(title, unusable.join("; "), "correct these files, or remove them from the directory");
  } catch (error) {
    return warn(
      title,
      `images with encrypted layers are rejected: ${messageOf(error)}`,
      "create the directory, or set images.decryption_keys_dir to another",
    );
  }
}
