import { allOrStop, Semaphore } from "../../ground/sync/index.ts";
import {
  isEncryptedType,
  type KeyHolders,
  readKeyProviders,
  readPrivateKeys,
  unwrapLayerKey,
} from "../../parts/encryption/index.ts";
import type { PlannedLayer } from "./layer-plan.ts";

/** Of one image. */
const maxAsked = 4;

/** Who has the keys of encrypted layers; read anew for each image. */
export type LayerKeySources = {
  /** File in ocicrypt's form that names key providers; undefined for none. */
  readonly keyProviders: string | undefined;
  /** Directory of private keys; undefined for none. */
  readonly decryptionKeys: string | undefined;
};

/** Has the keys of encrypted layers unwrapped. */
export class LayerKeys {
  readonly #sources: LayerKeySources;

  constructor(sources: LayerKeySources) {
    this.#sources = sources;
  }

  /**
   * The layers with their keys. Asked for each image also where its layers are unpacked already: whoever
   * brings an encrypted image to this machine must be given its keys. Throws EncryptionError.
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
