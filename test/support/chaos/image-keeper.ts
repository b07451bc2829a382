import assert from "node:assert/strict";
import { RemoveImageRequest } from "../../../src/ground/protocol/index.ts";
import type { TestBerth } from "../berth.ts";

/** Pulls an image and removes it again, for ever; asks again for what was not answered. */
export class ImageKeeper {
  readonly #berth: TestBerth;
  readonly #image: string;
  /** Undefined while a call is not answered. */
  #isThere: boolean | undefined = false;
  #next: "pull" | "remove" = "pull";
  answered = 0;

  constructor(berth: TestBerth, image: string) {
    this.#berth = berth;
    this.#image = image;
  }

  async step(): Promise<void> {
    this.#isThere = undefined;
    if (this.#next === "pull") await this.#berth.pull(this.#image);
    else
      await this.#berth.clients.images.removeImage(
        RemoveImageRequest.fromPartial({ image: { image: this.#image } }),
      );
    this.#isThere = this.#next === "pull";
    this.#next = this.#isThere ? "remove" : "pull";
    this.answered++;
  }

  async audit(): Promise<void> {
    if (this.#isThere === undefined) return;
    const { images } = await this.#berth.clients.images.listImages({ filter: undefined });
    const found = images.some(({ repoTags }) => repoTags.includes(this.#image));
    assert.equal(found, this.#isThere, `image ${this.#image} is there`);
  }
}
