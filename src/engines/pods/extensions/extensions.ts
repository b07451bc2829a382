import { codeOf } from "../../../ground/errors/index.ts";
import type { Logger } from "../../../ground/logging/index.ts";
import { EngineError } from "../../engine/index.ts";
import type { Adjustment, ContainerRecord } from "../records/records.ts";
import type { CreatedContainer, Extension, ExtensionPoint } from "./extension.ts";

/** The daemon's extensions, called one after the other at each point. */
export class Extensions {
  readonly #ordered: readonly Extension[];
  readonly #logger: Logger;

  /** Throws EngineError AlreadyExists if two have the same name. */
  constructor(extensions: readonly Extension[], logger: Logger) {
    this.#ordered = extensions.toSorted((a, b) => a.order - b.order || (a.name < b.name ? -1 : 1));
    this.#logger = logger;
    for (const { name } of extensions) {
      if (extensions.filter((other) => other.name === name).length > 1)
        throw new EngineError("AlreadyExists", `two extensions have the name ${JSON.stringify(name)}`);
    }
  }

  /**
   * The adjustments of extensions that change something. Throws EngineError with the code of an extension's
   * error; later ones are not called.
   */
  async createContainer(subject: CreatedContainer): Promise<readonly Adjustment[]> {
    const adjustments: Adjustment[] = [];
    for (const { name, createContainer } of this.#ordered) {
      if (createContainer === undefined) continue;
      const edits = await this.#call(name, "createContainer", subject.container.id, () =>
        createContainer(subject),
      );
      if (edits.length > 0) adjustments.push({ extension: name, edits });
    }
    return adjustments;
  }

  /** Throws like {@link createContainer}. */
  async removeContainer(container: ContainerRecord): Promise<void> {
    for (const { name, removeContainer } of this.#ordered.toReversed()) {
      if (removeContainer === undefined) continue;
      await this.#call(name, "removeContainer", container.id, () => removeContainer(container));
    }
  }

  /** For users, in the order of calls. */
  describe(): readonly {
    readonly name: string;
    readonly order: number;
    readonly points: readonly string[];
  }[] {
    return this.#ordered.map(({ name, order, ...points }) => ({ name, order, points: Object.keys(points) }));
  }

  async #call<T>(
    extension: string,
    point: ExtensionPoint,
    container: string,
    call: () => Promise<T>,
  ): Promise<T> {
    const startedAt = performance.now();
    try {
      return await call();
    } catch (error) {
      throw new EngineError(codeOf(error), `extension ${extension} failed at ${point}`, { cause: error });
    } finally {
      const ms = Math.round((performance.now() - startedAt) * 10) / 10;
      this.#logger.debug({ extension, point, container, ms }, "extension called");
    }
  }
}
