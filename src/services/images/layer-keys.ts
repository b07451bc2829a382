import { allOrStop, Semaphore } from "../../ground/sync/index.ts";
import {
  isEncryptedType,
  type KeyHolders,
  readKeyProviders,
  readPrivateKeys,
  unwrapLayerKey,
} from "../../parts/encryption/index.ts";
import type { PlannedLayer } from "./layer-plan.ts";

/** Maximum number of key requests at a time for one image. */
const maxAsked = 4;

/** Where to get the keys of encrypted layers; read again for each image. */
export type LayerKeySources = {
  /** File in ocicrypt's format that names key providers; undefined for none. */
  readonly keyProviders: string | undefined;
  /** Directory of private keys; undefined for none. */
  readonly decryptionKeys: string | undefined;
};

/** Unwraps the keys of encrypted layers. */
export class LayerKeys {
  readonly #sources: LayerKeySources;

  constructor(sources: LayerKeySources) {
    this.#sources = sources;
  }

  /**
   * Returns the layers with their keys. Keys are requested for each image, even if its layers are already
   * unpacked: whoever pulls an encrypted image must have access to its keys. Throws EncryptionError.
   */
  async unlock(layers: readonly PlannedLayer[], signal: AbortSignal): Promise<readonly PlannedLayer[]> {
    if (!layers.some(({ descriptor }) => isEncryptedType(descriptor.mediaType))) return layers;
    const holders = await this.#holders();
    const slots = new Semaphore(maxAsked);
    const unlocked = [...layers];
    await allOrStop(layers, signal, async (layer, either, index) => {
      if (!isEncryptedType(layer.descriptor.mediaType)) return;
      using _slot = await slots.acquire(either);
      unlocked[index] = { ...layer, key: await unwrapLayerKey(layer.descriptor, holders, either) };
    });
    return unlocked;
  }

  async #holders(): Promise<KeyHolders> {
    const { keyProviders, decryptionKeys } = this.#sources;
    return {
      providers: keyProviders === undefined ? new Map() : await readKeyProviders(keyProviders),
      keys: decryptionKeys === undefined ? undefined : await readPrivateKeys(decryptionKeys),
    };
  }
}
