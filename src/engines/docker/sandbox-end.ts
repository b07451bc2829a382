import { hasCode } from "../../ground/errors/index.ts";
import type { DockerClient } from "../../parts/dockerapi/index.ts";
import type { PodAttachment } from "../../services/network/index.ts";
import type { DockerServices } from "./docker-services.ts";
import { orNotFound } from "./or-not-found.ts";

/**
 * Killed without a stop signal, since the pause program has nothing to finish. No error if it has ended or is
 * gone.
 */
export async function killSandbox(client: Pick<DockerClient, "killContainer">, id: string): Promise<void> {
  await orNotFound(client.killContainer(id)).catch((error: unknown) => {
    // It is not running.
    if (!hasCode(error, "FailedPrecondition")) throw error;
  });
}

/** Removes what berth created for the sandbox's network. Idempotent. */
export async function detachSandbox(
  { network, sandboxFiles, observer }: Pick<DockerServices, "network" | "sandboxFiles" | "observer">,
  id: string,
  pod?: PodAttachment,
): Promise<void> {
  observer("undo sandbox-network");
  await network.detach(id, pod === undefined ? {} : { pod });
  await sandboxFiles.remove(id);
}
