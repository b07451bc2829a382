import type { MountInfo } from "../linux/index.ts";
import { isAnsweredByOthers, mountByLinks, mountByName } from "./file-system.ts";

/**
 * Whose answer a path needs: the device of a file system that others must answer for, or `own` where only the
 * machine itself must.
 */
export type Place = { readonly kind: "own" } | { readonly kind: "others"; readonly device: string };

/**
 * Finds the places of paths, one after the other. Where a link is to be read on a file system that hangs and
 * is not known as one that others must answer for, that holds one thread, and paths are placed by their names
 * alone as long as it does.
 */
export class Places {
  readonly #patienceMs: number;
  #last: Promise<unknown> = Promise.resolve();
  #hangs = false;

  /** `patienceMs`: when a link counts as one that hangs. */
  constructor(patienceMs: number) {
    this.#patienceMs = patienceMs;
  }

  of(path: string): Promise<Place> {
    const place = this.#last.then(() => this.#find(path));
    this.#last = place.catch(() => undefined);
    return place;
  }

  async #find(path: string): Promise<Place> {
    if (this.#hangs) return placeOn(await mountByName(path));
    const byLinks = mountByLinks(path).then(placeOn);
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
    return placeOn(await mountByName(path));
  }
}

function placeOn(mount: MountInfo | undefined): Place {
  if (mount === undefined || !isAnsweredByOthers(mount)) return { kind: "own" };
  return { kind: "others", device: mount.device };
}
