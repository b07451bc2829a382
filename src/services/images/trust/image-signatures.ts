import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { messageOf } from "../../../ground/errors/index.ts";
import { isErrno } from "../../../ground/fs/index.ts";
import {
  type Descriptor,
  type Digest,
  digestAlgorithm,
  digestHex,
  parseManifest,
  type Reference,
} from "../../../parts/oci/index.ts";
import {
  PolicyError,
  type SignatureSource,
  type SignatureStorage,
  type SigstoreSignature,
} from "../../../parts/policy/index.ts";
import { ImageError } from "../image-error.ts";
import type { RegistrySource } from "../registry-source.ts";

/** Maximum size of a signature, which holds a name, a digest and perhaps a certificate. */
const maxSignatureBytes = 1024 * 1024;
/**
 * Maximum number of signatures that are checked for one image: otherwise, whoever may push could have a node
 * check any number of them.
 */
const maxSignatures = 128;
const attachedType = "application/vnd.dev.cosign.simplesigning.v1+json";
const signatureAnnotation = "dev.cosignproject.cosign/signature";
const bundleType = "application/vnd.dev.sigstore.bundle.v0.3+json";

/** The signatures of an image, from the places that registries.d names. */
export class ImageSignatures implements SignatureSource {
  readonly #registry: RegistrySource;
  readonly #storage: SignatureStorage;
  readonly #signal: AbortSignal;

  constructor(registry: RegistrySource, storage: SignatureStorage, signal: AbortSignal) {
    this.#registry = registry;
    this.#storage = storage;
    this.#signal = signal;
  }

  async *sigstore(digest: Digest): AsyncGenerator<SigstoreSignature> {
    if (!this.#storage.sigstoreAttachments) return;
    yield* this.#attached(digest);
    yield* this.#bundles(digest);
  }

  /**
   * From an image in the same repository with a layer for each signature: the way of cosign up to version 2.
   */
  async *#attached(digest: Digest): AsyncGenerator<SigstoreSignature> {
    const tag = `${digestAlgorithm(digest)}-${digestHex(digest)}.sig`.slice(0, 128);
    const found = await this.#registry.manifestOfTag(tag, this.#signal);
    if (found === undefined) return;
    for (const layer of layersOf(found.bytes, found.descriptor.mediaType, attachedType, tag)) {
      const { annotations = {} } = layer;
      const payload = await this.#small(layer);
      if (payload === undefined) continue;
      yield {
        kind: "attached",
        payload,
        signature: Buffer.from(annotations[signatureAnnotation] ?? "", "base64"),
        certificate: annotations["dev.sigstore.cosign/certificate"],
        chain: annotations["dev.sigstore.cosign/chain"],
        rekor: annotations["dev.sigstore.cosign/bundle"],
      };
    }
  }

  /** From artifacts whose subject is the image: the way of cosign from version 3 on. */
  async *#bundles(digest: Digest): AsyncGenerator<SigstoreSignature> {
    const referrers = await this.#registry.referrers(digest, bundleType, this.#signal);
    for (const referrer of checkCount(referrers, digest)) {
      // crane and skopeo delete a referrer without removing it from the list.
      const manifest = await this.#registry.smallIfThere(referrer, this.#signal);
      if (manifest === undefined) continue;
      for (const layer of layersOf(manifest, referrer.mediaType, bundleType, referrer.digest)) {
        const bytes = await this.#small(layer);
        if (bytes !== undefined) yield { kind: "bundle", bytes };
      }
    }
  }

  /** Undefined if it was deleted. */
  async #small(layer: Descriptor): Promise<Uint8Array | undefined> {
    if (layer.size > maxSignatureBytes)
      throw new ImageError(
        "ResourceExhausted",
        `signature ${layer.digest} is larger than ${maxSignatureBytes} bytes`,
      );
    return await this.#registry.smallIfThere(layer, this.#signal);
  }

  /**
   * Reads `signature-1`, `signature-2` and so on, in a directory named after the repository and the digest.
   */
  async *simple(digest: Digest): AsyncGenerator<Uint8Array> {
    const { lookaside } = this.#storage;
    if (lookaside === undefined) return;
    const { repository }: Reference = this.#registry.repository;
    const directory = `${lookaside}/${repository}@${digestAlgorithm(digest)}=${digestHex(digest)}`;
    for (let number = 1; number <= maxSignatures; number++) {
      const signature = await this.#read(new URL(`${directory}/signature-${number}`));
      if (signature === undefined) return;
      yield signature;
    }
    throw tooMany(directory);
  }

  async #read(url: URL): Promise<Uint8Array | undefined> {
    if (url.protocol !== "file:") return await this.#registry.file(url, maxSignatureBytes, this.#signal);
    try {
      return await readSmallFile(fileURLToPath(url));
    } catch (error) {
      if (isErrno(error, "ENOENT")) return undefined;
      throw new ImageError("FailedPrecondition", `cannot read signature ${url}`, { cause: error });
    }
  }
}

async function readSmallFile(path: string): Promise<Buffer> {
  // O_NONBLOCK: opening a FIFO must not wait.
  await using file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const found = await file.stat();
  if (!found.isFile() || found.size > maxSignatureBytes)
    throw new Error(`it is not a file of at most ${maxSignatureBytes} bytes`);
  return await file.readFile();
}

/** The layers of one type in a manifest of signatures, called `where` in errors. */
function layersOf(
  manifest: Uint8Array,
  manifestType: string,
  type: string,
  where: string,
): readonly Descriptor[] {
  let layers: readonly Descriptor[];
  try {
    ({ layers } = parseManifest(manifest, manifestType));
  } catch (error) {
    throw new PolicyError(
      "FailedPrecondition",
      `cannot read the signatures at ${where}: ${messageOf(error)}`,
    );
  }
  return checkCount(
    layers.filter(({ mediaType }) => mediaType === type),
    where,
  );
}

function checkCount(found: readonly Descriptor[], where: string): readonly Descriptor[] {
  if (found.length > maxSignatures) throw tooMany(where);
  return found;
}

function tooMany(where: string): ImageError {
  return new ImageError("ResourceExhausted", `${where} has more than ${maxSignatures} signatures`);
}
