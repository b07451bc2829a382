import type { Engine } from "../../engines/engine/index.ts";
import { checked, type RuntimeHandlers } from "./handlers.ts";
import { owned } from "./owners.ts";
import { timerMs } from "./translate/time.ts";
import * as validate from "./validate/index.ts";

/** Seconds, for a request that sets no limit. */
const defaultTimeout = 600n;

/** CheckpointContainer, CheckpointPod, RestorePod. For the last two, the client's deadline is the limit. */
export function checkpointHandlers({ checkpoints }: Engine): RuntimeHandlers {
  return {
    checkpointContainer: checked(
      validate.checkpointContainer,
      async ({ containerId, location, timeout }, { signal }) => {
        const timeoutMs = timerMs(timeout === 0n ? defaultTimeout : timeout);
        await checkpoints.checkpointContainer({ containerId, location, timeoutMs }, signal);
        return {};
      },
    ),

    checkpointPod: checked(
      validate.checkpointPod,
      async ({ podSandboxId: sandboxId, outputPath: directory, containerIds }, { signal }) => {
        const timeoutMs = timerMs(defaultTimeout);
        await checkpoints.checkpointPod({ sandboxId, directory, containerIds, timeoutMs }, signal);
        return {};
      },
    ),

    restorePod: checked(
      validate.restorePod,
      async (
        { checkpointPath: directory, config, runtimeHandler: handler, containerConfigs },
        { signal, owner },
      ) => {
        const request = {
          directory,
          config: owned(config, owner),
          handler,
          containerConfigs: containerConfigs.map((each) => owned(each, owner)),
        };
        const { sandboxId, containers } = await checkpoints.restorePod(request, signal);
        return { podSandboxId: sandboxId, restoredContainers: [...containers] };
      },
    ),
  };
}
