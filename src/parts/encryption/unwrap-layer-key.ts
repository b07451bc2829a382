import { messageOf } from "../../ground/errors/index.ts";
import { askProvider } from "./ask-provider.ts";
import { type EncryptedLayer, recipientsOf } from "./encrypted-layer.ts";
import { EncryptionError } from "./encryption-error.ts";
import type { KeyProvider, KeyProviders } from "./key-providers.ts";
import { type LayerKey, layerKeyOf } from "./layer-key.ts";
import type { PrivateKeys } from "./private-keys.ts";
import { unwrapJwe } from "./unwrap-jwe.ts";

/** For each layer; otherwise, an image could make a node try any number of times. */
const maxQuestions = 16;

/** Everything that can unwrap keys on this machine. */
export type KeyHolders = {
  readonly providers: KeyProviders;
  /** Undefined if no directory of keys is configured. */
  readonly keys: PrivateKeys | undefined;
};

/** Unwraps one wrapped key, or throws EncryptionError. */
type Question = { readonly who: string; readonly ask: (signal: AbortSignal) => Promise<Uint8Array> };

/**
 * The key of a layer, unwrapped by a private key of this machine, or else by the first provider that can.
 * Throws EncryptionError: Unimplemented if no recipient of the layer is available here, otherwise the last
 * one's error; and the signal's reason.
 */
export async function unwrapLayerKey(
  layer: EncryptedLayer,
  holders: KeyHolders,
  signal: AbortSignal,
): Promise<LayerKey> {
  const questions = [...questionsToKeys(layer, holders), ...questionsToProviders(layer, holders)];
  if (questions.length === 0) throw unreadable(layer, holders);
  const failures: EncryptionError[] = [];
  for (const { who, ask } of questions.slice(0, maxQuestions)) {
    try {
      return layerKeyOf(layer, await ask(signal));
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof EncryptionError)) throw error;
      failures.push(new EncryptionError(error.code, `${who}: ${error.message}`));
    }
  }
  const why = [...new Set(failures.map(messageOf))].join("; ");
  throw new EncryptionError(
    failures.at(-1)?.code ?? "FailedPrecondition",
    `layer ${layer.digest} is encrypted, and its key is not available: ${why}`,
  );
}

function questionsToKeys(layer: EncryptedLayer, { keys }: KeyHolders): readonly Question[] {
  if (keys === undefined) return [];
  return recipientsOf(layer)
    .filter(({ kind }) => kind.is === "jwe")
    .flatMap(({ wrapped }) => wrapped.split(","))
    .map((wrapped) => ({
      who: `the keys in ${keys.directory}`,
      ask: (signal) => tryKeys(wrapped, keys, signal),
    }));
}

async function tryKeys(
  wrapped: string,
  { keys, unusable }: PrivateKeys,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const bytes = Buffer.from(wrapped, "base64");
  for (const key of keys) {
    signal.throwIfAborted();
    const unwrapped = await unwrapJwe(bytes, key);
    if (unwrapped !== undefined) return unwrapped;
  }
  const others = unusable.length === 0 ? "" : `; not usable: ${unusable.join(", ")}`;
  throw new EncryptionError("FailedPrecondition", `none of the ${keys.length} keys fits${others}`);
}

function questionsToProviders(layer: EncryptedLayer, { providers }: KeyHolders): readonly Question[] {
  return recipientsOf(layer).flatMap(({ kind, wrapped }) => {
    const provider = kind.is === "provider" ? providers.get(kind.name) : undefined;
    if (kind.is !== "provider" || provider === undefined) return [];
    return wrapped.split(",").map((each) => questionTo(kind.name, provider, each));
  });
}

function questionTo(name: string, provider: KeyProvider, wrapped: string): Question {
  return {
    who: `the key provider ${JSON.stringify(name)}`,
    ask: (signal) => askProvider(provider, wrapped, signal),
  };
}

function unreadable(layer: EncryptedLayer, { providers, keys }: KeyHolders): EncryptionError {
  const names = recipientsOf(layer).map(({ called }) => called);
  const who = names.length === 0 ? "recipients that its annotations do not name" : names.join(" and ");
  const known = [
    ...(keys === undefined ? [] : [`the keys of JWE in ${keys.directory}`]),
    ...[...providers.keys()].map((name) => `the key provider ${JSON.stringify(name)}`),
  ].join(", ");
  const remedy =
    known === ""
      ? "none is configured (images.decryption_keys_dir, images.key_providers)"
      : `there are ${known}`;
  return new EncryptionError(
    "Unimplemented",
    `layer ${layer.digest} is encrypted for ${who}; only private keys of JWE and key providers can decrypt it here, and ${remedy}: ` +
      "add one, or decrypt the image where the key is (`skopeo copy --decryption-key`) and push the result",
  );
}
