import { raceAbort } from "../../ground/sync/index.ts";
import type { ContainerSummary } from "../../parts/dockerapi/index.ts";
import { EngineError } from "../engine/index.ts";
import type { DockerServices } from "./docker-services.ts";
import { isReader, madeAsFilter, nameIn } from "./names-and-labels.ts";
import { isOurs } from "./ours.ts";
import { killContainer, orNotFound } from "./requests.ts";
import { detachSandbox } from "./sandbox-network.ts";

type Services = Pick<
  DockerServices,
  "client" | "unfinished" | "logger" | "network" | "sandboxFiles" | "observer" | "removed"
>;

/** How long Docker may take to kill a sandbox's container, and to remove it. */
const answerMs = 10_000;
/** How long a new connection waits for left-over sandboxes; until then, the engine counts as away. */
const tidyUpMs = 10_000;

/**
 * Removes sandboxes whose creation failed or was interrupted. If Docker hangs, nobody waits for it: such a
 * sandbox stays unfinished, and so hidden, until its removal is tried again.
 */
export class HalfMade {
  readonly #services: Services;

  constructor(services: Services) {
    this.#services = services;
  }

  /** Removes the container last: if its network cannot be torn down, it stays, to be tried again. */
  async takeDown(id: string, name: string): Promise<void> {
    await this.#remove(id);
    this.#services.unfinished.delete(name);
  }

  /** Removes what an earlier, failed creation left under that name. Throws EngineError Unavailable. */
  async takeDownLeft(name: string): Promise<void> {
    const { client, unfinished } = this.#services;
    if (!unfinished.has(name)) return;
    for (const left of await client.containers(madeAsFilter(name))) {
      if (!(await this.#isOurs(left))) continue;
      try {
        await this.#remove(left.Id);
      } catch (cause) {
        throw new EngineError(
          "Unavailable",
          `container ${left.Id}, which an earlier try left half-made as ${name}, cannot be removed: check why \`docker rm -f\` does not remove it`,
          { cause },
        );
      }
    }
    unfinished.delete(name);
  }

  /**
   * Removes what earlier daemons left. `all` is the list of our containers in Docker; `isBeingMade` is true
   * for names that are not left over. What cannot be removed does not keep the engine away.
   */
  async tidyUp(all: readonly ContainerSummary[], isBeingMade: (name: string) => boolean): Promise<void> {
    const { unfinished } = this.#services;
    const isLeft = (name: string) => unfinished.has(name) && !isBeingMade(name);
    const kept = await Promise.all(
      all.map(async (each) => {
        const name = nameIn(each.Labels);
        if (name === undefined || !(isLeft(name) || isReader(name))) return undefined;
        return (await this.#tryToRemove(each)) ? undefined : name;
      }),
    );
    for (const name of unfinished.names()) if (isLeft(name) && !kept.includes(name)) unfinished.delete(name);
  }

  /** Returns whether it is gone, or was never ours. */
  async #tryToRemove(left: ContainerSummary): Promise<boolean> {
    const { logger } = this.#services;
    const log = { container: left.Id };
    try {
      if (!(await this.#isOurs(left))) return true;
      logger.warn(log, "removing what was being created when a daemon ended");
      await raceAbort(this.#remove(left.Id), AbortSignal.timeout(tidyUpMs));
      return true;
    } catch (err) {
      logger.error({ err, ...log }, "it could not be removed; the next connection to Docker tries again");
      return false;
    }
  }

  async #isOurs({ Id, Names, ImageID, Labels }: ContainerSummary): Promise<boolean> {
    const claim = { name: nameIn(Labels), names: Names, imageId: ImageID };
    return await answered(Id, isOurs(this.#services.client, claim));
  }

  async #remove(id: string): Promise<void> {
    const { client, logger, removed } = this.#services;
    await answered(id, killContainer(client, id));
    await detachSandbox(this.#services, id);
    const remove = () => answered(id, orNotFound(client.removeContainer(id)));
    const details = await answered(id, orNotFound(client.container(id))).catch((err: unknown) => {
      // Docker may remove even a container that it cannot describe.
      logger.warn({ err, container: id }, "what stays of a half-made container will not be looked for");
    });
    if (details === undefined) await remove();
    else await removed.during(details, remove);
  }
}

/** Throws EngineError Unavailable if Docker takes too long. The request continues. */
async function answered<T>(id: string, asked: Promise<T>): Promise<T> {
  const over = AbortSignal.timeout(answerMs);
  try {
    return await raceAbort(asked, over);
  } catch (cause) {
    if (!over.aborted) throw cause;
    const silence = `Docker has not answered for container ${id} within ${answerMs / 1000} s`;
    throw new EngineError("Unavailable", silence, { cause });
  }
}
