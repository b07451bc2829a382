import { hasCode } from "../../ground/errors/index.ts";
import type { DockerClient, NewContainer } from "../../parts/dockerapi/index.ts";
import { EngineError } from "../engine/index.ts";

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
