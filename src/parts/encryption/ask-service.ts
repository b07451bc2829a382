import { readFile } from "node:fs/promises";
import { BinaryReader, BinaryWriter } from "@bufbuild/protobuf/wire";
import type { ChannelCredentials, ServiceError } from "@grpc/grpc-js";
import { messageOf } from "../../ground/errors/index.ts";
import { EncryptionError } from "./encryption-error.ts";
import type { KeyProvider, ProviderTls } from "./key-providers.ts";

type Service = Extract<KeyProvider, { readonly kind: "grpc" }>;

const timeoutMs = 30_000;
/** utils/keyprovider/keyprovider.proto of ocicrypt: both messages have a single field, of bytes. */
const method = "/keyprovider.KeyProviderService/UnWrapKey";
const bytesTag = (1 << 3) | 2;

/**
 * Sends the request to a service over its own connection. Throws EncryptionError: Unavailable if the service
 * cannot be reached or does not reply within 30 s, FailedPrecondition if it refuses; and the signal's reason.
 */
export async function askService(
  { address, tls }: Service,
  question: Uint8Array,
  signal: AbortSignal,
): Promise<Uint8Array> {
  // Loaded on demand: without encrypted images, it is not needed.
  const grpc = await import("@grpc/grpc-js");
  const credentials = tls === undefined ? grpc.credentials.createInsecure() : await secure(tls);
  const name = tls?.serverName;
  const client = new grpc.Client(
    address,
    credentials,
    name === undefined ? {} : { "grpc.ssl_target_name_override": name, "grpc.default_authority": name },
  );
  try {
    return await new Promise((resolve, reject) => {
      const call = client.makeUnaryRequest(
        method,
        encode,
        decode,
        Buffer.from(question),
        { deadline: Date.now() + timeoutMs },
        (error: ServiceError | null, answer?: Uint8Array) => {
          signal.removeEventListener("abort", cancel);
          if (signal.aborted) reject(signal.reason);
          else if (error !== null) reject(failureOf(error, address, grpc.status));
          else resolve(answer ?? new Uint8Array());
        },
      );
      const cancel = () => call.cancel();
      signal.addEventListener("abort", cancel, { once: true });
      if (signal.aborted) cancel();
    });
  } finally {
    client.close();
  }
}

async function secure({ rootCaFile, certFile, keyFile }: ProviderTls): Promise<ChannelCredentials> {
  const { credentials } = await import("@grpc/grpc-js");
  try {
    const [root, key, certificate] = await Promise.all(
      [rootCaFile, keyFile, certFile].map((file) => (file === undefined ? null : readFile(file))),
    );
    return credentials.createSsl(root ?? null, key ?? null, certificate ?? null);
  } catch (error) {
    throw new EncryptionError("FailedPrecondition", `its TLS files cannot be used: ${messageOf(error)}`);
  }
}

function failureOf(
  { code, details }: ServiceError,
  address: string,
  status: { readonly UNAVAILABLE: number; readonly DEADLINE_EXCEEDED: number },
): EncryptionError {
  const absent = code === status.UNAVAILABLE || code === status.DEADLINE_EXCEEDED;
  return new EncryptionError(absent ? "Unavailable" : "FailedPrecondition", `${address}: ${details}`);
}

function encode(question: Uint8Array): Buffer {
  return Buffer.from(new BinaryWriter().uint32(bytesTag).bytes(question).finish());
}

function decode(message: Uint8Array): Uint8Array {
  const reader = new BinaryReader(message);
  let answer: Uint8Array = new Uint8Array();
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if (tag === bytesTag) answer = reader.bytes();
    else reader.skip(tag & 7);
  }
  return answer;
}
