import { allOrStop, Semaphore } from "../../ground/sync/index.ts";
import { isEncryptedType, readKeyProviders, unwrapLayerKey } from "../../parts/encryption/index.ts";
import type { PlannedLayer } from "./layer-plan.ts";

/** Of one image. */
const maxAsked = 4;

/** Has the keys of encrypted layers unwrapped. */
export class LayerKeys {
  readonly #file: string | undefined;

  /** `file` names key providers, and is read anew for each image; undefined for none. */
  constructor(file: string | undefined) {
    this.#file = file;
  }

  /**
   * The layers with their keys. Asked for each image also where its layers are unpacked already: whoever
   * brings an encrypted image to this machine must be given its keys. Throws EncryptionError.
   */
  async unlock(layers: readonly PlannedLayer[], signal: AbortSignal): Promise<readonly PlannedLayer[]> {
    if (!layers.some(({ descriptor }) => isEncryptedType(descriptor.mediaType))) return layers;
    const providers = this.#file === undefined ? new Map() : await readKeyProviders(this.#file);
    const slots = new Semaphore(maxAsked);
    const unlocked = [...layers];
    await allOrStop(layers, signal, async (layer, either, index) => {
      if (!isEncryptedType(layer.descriptor.mediaType)) return;
      using _slot = await slots.acquire(either);
      unlocked[index] = { ...layer, key: await unwrapLayerKey(layer.descriptor, providers, either) };
    });
    return unlocked;
  }
}
