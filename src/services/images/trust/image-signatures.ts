import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { isErrno } from "../../../ground/fs/index.ts";
import {
  type Digest,
  digestAlgorithm,
  digestHex,
  parseManifest,
  type Reference,
} from "../../../parts/oci/index.ts";
import type { SignatureSource, SignatureStorage, SigstoreSignature } from "../../../parts/policy/index.ts";
import { ImageError } from "../image-error.ts";
import type { RegistrySource } from "../registry-source.ts";

/** Of one signature: a name, a digest and perhaps a certificate. */
const maxSignatureBytes = 1024 * 1024;
/** Of one image. Whoever may push could otherwise have a node check as many as it likes. */
const maxSignatures = 128;
const sigstoreType = "application/vnd.dev.cosign.simplesigning.v1+json";
const sigstoreAnnotation = "dev.cosignproject.cosign/signature";

/** The signatures of an image, from where registries.d says that they are. */
export class ImageSignatures implements SignatureSource {
  readonly #registry: RegistrySource;
  readonly #storage: SignatureStorage;
  readonly #signal: AbortSignal;

  constructor(registry: RegistrySource, storage: SignatureStorage, signal: AbortSignal) {
    this.#registry = registry;
    this.#storage = storage;
    this.#signal = signal;
  }

  /** cosign keeps them as an image of the same repository, with a layer for each. */
  async sigstore(digest: Digest): Promise<readonly SigstoreSignature[]> {
    if (!this.#storage.sigstoreAttachments) return [];
    const tag = `${digestAlgorithm(digest)}-${digestHex(digest)}.sig`.slice(0, 128);
    const found = await this.#registry.manifestOfTag(tag, this.#signal);
    if (found === undefined) return [];
    const { layers } = parseManifest(found.bytes, found.descriptor.mediaType);
    const signatures = layers.filter(({ mediaType }) => mediaType === sigstoreType);
    if (signatures.length > maxSignatures) throw tooMany(tag);
    return await Promise.all(
      signatures.map(async (layer) => {
        if (layer.size > maxSignatureBytes)
          throw new ImageError(
            "ResourceExhausted",
            `signature ${layer.digest} is larger than ${maxSignatureBytes} bytes`,
          );
        return {
          payload: await this.#registry.small(layer, this.#signal),
          signature: Buffer.from(layer.annotations?.[sigstoreAnnotation] ?? "", "base64"),
        };
      }),
    );
  }

  /** `signature-1`, `signature-2` and so on, below the repository and the digest. */
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
  // What is no file must not make anybody wait.
  await using file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const found = await file.stat();
  if (!found.isFile() || found.size > maxSignatureBytes)
    throw new Error(`it is not a file of at most ${maxSignatureBytes} bytes`);
  return await file.readFile();
}

function tooMany(where: string): ImageError {
  return new ImageError("ResourceExhausted", `${where} has more than ${maxSignatures} signatures`);
}
