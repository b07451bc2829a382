import { execFile } from "node:child_process";
import { generateKeyPairSync, sign } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { digestOf, mediaType } from "../../../parts/oci/index.ts";
import { indexOf, type TestImage } from "../../../testing/images.ts";
import { pushImage, type TestRegistry } from "../../../testing/registry.ts";
import { bundleOf, envelopeOf } from "../../../testing/sigstore.ts";

const run = promisify(execFile);

const payloadType = "application/vnd.dev.cosign.simplesigning.v1+json";
const bundleType = "application/vnd.dev.sigstore.bundle.v0.3+json";

/**
 * Signs images: with skopeo, except for sigstore, which Debian's skopeo does not support; those are signed as
 * cosign's specification describes (SIGNATURE_SPEC.md). Its directory belongs to the caller.
 */
export class Signer {
  readonly registriesDir: string;
  /** Directory of GnuPG signatures. */
  readonly lookaside: string;
  /** The armoured public key of GnuPG. */
  readonly gpgPublicKey: string;
  readonly #sigstore = generateKeyPairSync("ec", { namedCurve: "P-256" });
  readonly #directory: string;
  readonly #fingerprint: string;

  private constructor(directory: string, gpg: { readonly publicKey: string; readonly fingerprint: string }) {
    this.#directory = directory;
    this.registriesDir = join(directory, "registries.d");
    this.lookaside = join(directory, "lookaside");
    this.gpgPublicKey = gpg.publicKey;
    this.#fingerprint = gpg.fingerprint;
  }

  /** GnuPG signatures go to `lookaside` in the directory, those of sigstore to the registry. */
  static async create(directory: string): Promise<Signer> {
    const home = join(directory, "gnupg");
    await mkdir(home, { mode: 0o700 });
    await mkdir(join(directory, "registries.d"));
    await writeFile(
      join(directory, "registries.d/default.yaml"),
      `default-docker:\n  lookaside: file://${directory}/lookaside\n  use-sigstore-attachments: true\n`,
    );
    const gpg = async (...args: readonly string[]) =>
      (await run("gpg", ["--homedir", home, "--batch", "--no-tty", "--passphrase", "", ...args])).stdout;
    await gpg("--quick-generate-key", "signer@example.test", "ed25519", "sign", "never");
    const listed = await gpg("--with-colons", "--list-keys");
    const fingerprint = /^fpr:+([0-9A-F]+):/m.exec(listed)?.[1] ?? "";
    const publicKey = await gpg("--armor", "--export");
    // gpg leaves an agent running, which would keep the directory in use.
    await run("gpgconf", ["--homedir", home, "--kill", "all"]);
    return new Signer(directory, { publicKey, fingerprint });
  }

  get sigstorePublicKey(): string {
    return this.#sigstore.publicKey.export({ type: "spki", format: "pem" }).toString();
  }

  /** Copies an image of the registry to another name, and signs it there with GnuPG. */
  async signByGpg(registry: TestRegistry, { from, to }: { from: string; to: string }): Promise<void> {
    const global = ["--insecure-policy", "--registries.d", this.registriesDir];
    const plain = ["--src-tls-verify=false", "--dest-tls-verify=false"];
    const names = [from, to].map((name) => `docker://${registry.host}/${name}`);
    const args = [...global, "copy", ...plain, "--sign-by", this.#fingerprint, ...names];
    const home = join(this.#directory, "gnupg");
    await run("skopeo", args, { env: { ...process.env, GNUPGHOME: home } });
    await run("gpgconf", ["--homedir", home, "--kill", "all"]);
  }

  /** Pushes an image and a signature of it for `identity`, by default `REPOSITORY:TAG`. */
  async pushSigned(registry: TestRegistry, { image, repository, tag, identity }: SignedPush): Promise<void> {
    await pushImage(registry, repository, tag, image);
    const { digest } = image.target;
    const payload = Buffer.from(
      JSON.stringify({
        critical: {
          identity: { "docker-reference": identity ?? `${registry.host}/${repository}:${tag}` },
          image: { "docker-manifest-digest": digest },
          type: "cosign container image signature",
        },
        optional: null,
      }),
    );
    const signature = sign("sha256", payload, this.#sigstore.privateKey).toString("base64");
    const annotations = { "dev.cosignproject.cosign/signature": signature };
    await pushImage(
      registry,
      repository,
      `${digest.replace(":", "-")}.sig`,
      signatureImage(payload, payloadType, annotations),
    );
  }

  /** Pushes an image and a bundle whose subject is the image, as cosign does from version 3 on. */
  async pushBundled(registry: TestRegistry, { image, repository, tag }: SignedPush): Promise<void> {
    await pushImage(registry, repository, tag, image);
    const { digest } = image.target;
    const statement = {
      _type: "https://in-toto.io/Statement/v1",
      subject: [{ digest: { sha256: digest.replace("sha256:", "") } }],
      predicateType: "https://sigstore.dev/cosign/sign/v1",
      predicate: {},
    };
    const dsseEnvelope = envelopeOf(JSON.stringify(statement), this.#sigstore.privateKey);
    const bundle = Buffer.from(JSON.stringify(bundleOf({ dsseEnvelope }, {})));
    const artifact = signatureImage(bundle, bundleType, {});
    const list = indexOf([[artifact, { os: "", architecture: "" }]]);
    await pushImage(registry, repository, digest.replace(":", "-"), list);
  }
}

export type SignedPush = {
  readonly image: TestImage;
  readonly repository: string;
  readonly tag: string;
  readonly identity?: string;
};

function signatureImage(
  payload: Buffer,
  type: string,
  annotations: Readonly<Record<string, string>>,
): TestImage {
  const config = Buffer.from(
    JSON.stringify({ architecture: "", os: "", rootfs: { type: "layers", diff_ids: [] } }),
  );
  const blob = (of: string, bytes: Uint8Array) => ({
    mediaType: of,
    digest: digestOf(bytes),
    size: bytes.length,
  });
  const layer = {
    ...blob(type, payload),
    annotations,
  };
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: mediaType.ociManifest,
      config: blob(mediaType.ociConfig, config),
      layers: [layer],
    }),
  );
  const target = blob(mediaType.ociManifest, manifest);
  const blobs = new Map([
    [digestOf(config), { mediaType: mediaType.ociConfig, bytes: config }],
    [layer.digest, { mediaType: type, bytes: payload }],
    [target.digest, { mediaType: mediaType.ociManifest, bytes: manifest }],
  ]);
  return { target, blobs };
}
