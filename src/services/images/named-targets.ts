import type { Digest } from "../../parts/oci/index.ts";
import type { ImageName, ImageNames } from "../imagenames/index.ts";
import type { Leases } from "../leases/index.ts";
import { ContentHold } from "./content-hold.ts";
import { ImageError } from "./image-error.ts";
import type { ImageLookup } from "./image-lookup.ts";
import { nameIfReference, nameOfTag } from "./reference-name.ts";

/** What names stand for, of images and of artifacts, and new names for it. */
export class NamedTargets {
  readonly #names: ImageNames;
  readonly #lookup: ImageLookup;
  readonly #leases: Leases;

  constructor(names: ImageNames, lookup: ImageLookup, leases: Leases) {
    this.#names = names;
    this.#lookup = lookup;
    this.#leases = leases;
  }

  /**
   * By name, or by the id of an image, which is then that of one of its names. Throws ImageError NotFound.
   */
  find(idOrReference: string): ImageName {
    // Other clients give names that are no references as people write them.
    const exact = this.#names.get(idOrReference);
    if (exact !== undefined) return exact;
    const name = nameIfReference(idOrReference);
    const named = name === undefined ? undefined : this.#names.get(name);
    if (named !== undefined) return named;
    const image = this.#lookup.find(idOrReference);
    const [found] = image === undefined ? [] : this.#namesOf(image.id);
    if (found !== undefined) return found;
    throw new ImageError("NotFound", `image ${JSON.stringify(idOrReference)} not found`);
  }

  /**
   * Lets a tag stand for it too, or in place of what that stood for. Throws ImageError NotFound and
   * InvalidArgument, OciFormatError.
   */
  async tag(idOrReference: string, tag: string): Promise<string> {
    const name = nameOfTag(tag);
    // Its last name may go meanwhile.
    await using hold = await ContentHold.open(this.#leases, this.find(idOrReference).target);
    const { target } = this.find(idOrReference);
    await hold.add([target]);
    await this.#names.point([name], target);
    return name;
  }

  /** Tags first: digest references may stand for other targets with the same image. */
  #namesOf(id: Digest): readonly ImageName[] {
    const names = this.#lookup.namesOf(id).flatMap((name) => this.#names.get(name) ?? []);
    return names.sort((one, other) => Number(one.name.includes("@")) - Number(other.name.includes("@")));
  }
}
