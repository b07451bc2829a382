import type { Digest } from "../../parts/oci/index.ts";
import type { ImageName, ImageNames } from "../imagenames/index.ts";
import type { Leases } from "../leases/index.ts";
import { ContentHold } from "./content-hold.ts";
import { ImageError } from "./image-error.ts";
import type { ImageLookup } from "./image-lookup.ts";
import { nameOfTag } from "./reference-name.ts";

/** Finds the targets of names, of images and of artifacts, and gives them further names. */
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
   * Finds a name by its text, or by the id of an image, of which it returns one name. Throws ImageError
   * NotFound.
   */
  find(idOrReference: string): ImageName {
    // Other clients create names that are not references.
    const named = this.#lookup.named(idOrReference) ?? this.#names.get(idOrReference);
    if (named !== undefined) return named;
    const image = this.#lookup.find(idOrReference);
    const [found] = image === undefined ? [] : this.namesOf(image.id);
    if (found !== undefined) return found;
    throw new ImageError("NotFound", `image ${JSON.stringify(idOrReference)} not found`);
  }

  /**
   * Points a tag to the target, even if it pointed elsewhere. Throws ImageError NotFound and InvalidArgument,
   * OciFormatError.
   */
  async tag(idOrReference: string, tag: string): Promise<string> {
    const name = nameOfTag(tag);
    // Its last name may be deleted meanwhile.
    using hold = await ContentHold.open(this.#leases, this.find(idOrReference).target);
    const { target } = this.find(idOrReference);
    await hold.add([target]);
    await this.#names.point([name], target);
    return name;
  }

  /** The ids of all images. */
  ids(): readonly Digest[] {
    return this.#lookup.list().map(({ id }) => id);
  }

  /** Tags first: digest references may point to other targets with the same image. */
  namesOf(id: Digest): readonly ImageName[] {
    const names = this.#lookup.namesOf(id).flatMap((name) => this.#names.get(name) ?? []);
    return names.sort((one, other) => Number(one.name.includes("@")) - Number(other.name.includes("@")));
  }
}
