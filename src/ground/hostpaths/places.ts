import type { MountInfo } from "../linux/index.ts";
import { othersMountByLinks, othersMountByName } from "./file-system.ts";

/**
 * What a path depends on: the device of a file system that depends on others, or `own` for the machine's own.
 */
export type Place = { readonly kind: "own" } | { readonly kind: "others"; readonly device: string };

/**
 * Finds the places of paths, one after the other. If reading a link hangs on a file system that was not known
 * to depend on others, it blocks one thread, and in the meantime paths are placed only by their names.
 */
export class Places {
  readonly #patienceMs: number;
  #last: Promise<unknown> = Promise.resolve();
  #hangs = false;

  /** `patienceMs`: after this time, reading a link counts as hanging. */
  constructor(patienceMs: number) {
    this.#patienceMs = patienceMs;
  }

  of(path: string): Promise<Place> {
    const place = this.#last.then(() => this.#find(path));
    this.#last = place.catch(() => undefined);
    return place;
  }

  async #find(path: string): Promise<Place> {
    if (this.#hangs) return placeOn(await othersMountByName(path));
    const byLinks = othersMountByLinks(path).then(placeOn);
    const late = Promise.withResolvers<undefined>();
    const timer = setTimeout(() => late.resolve(undefined), this.#patienceMs);
    try {
      const place = await Promise.race([byLinks, late.promise]);
      if (place !== undefined) return place;
    } finally {
      clearTimeout(timer);
    }
    this.#hangs = true;
    const over = () => {
      this.#hangs = false;
    };
    byLinks.then(over, over);
    return placeOn(await othersMountByName(path));
  }
}

function placeOn(mount: MountInfo | undefined): Place {
  return mount === undefined ? { kind: "own" } : { kind: "others", device: mount.device };
}
