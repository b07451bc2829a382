import { hasCode } from "../../ground/errors/index.ts";
import type { DockerClient, NewContainer } from "../../parts/dockerapi/index.ts";
import { EngineError } from "../engine/index.ts";

/** Docker's answer; undefined if it is NotFound. */
export async function orNotFound<T>(work: Promise<T>): Promise<T | undefined> {
  return await work.catch((error: unknown) => {
    if (!hasCode(error, "NotFound")) throw error;
    return undefined;
  });
}

/**
 * Creates a container and returns its id. Throws EngineError AlreadyExists if Docker has another container of
 * that name.
 */
export async function createContainer(
  client: Pick<DockerClient, "createContainer">,
  name: string,
  body: NewContainer,
): Promise<string> {
  try {
    return await client.createContainer(name, body);
  } catch (cause) {
    if (!hasCode(cause, "FailedPrecondition")) throw cause;
    throw new EngineError("AlreadyExists", `Docker has another container of the name ${name}: remove it`, {
      cause,
    });
  }
}

/** Kills a container; no error if it is not running or gone. */
export async function killContainer(client: Pick<DockerClient, "killContainer">, id: string): Promise<void> {
  try {
    await client.killContainer(id);
  } catch (error) {
    if (!hasCode(error, "NotFound") && !hasCode(error, "FailedPrecondition")) throw error;
  }
}
