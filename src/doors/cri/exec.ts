import type { Engine } from "../../engines/engine/index.ts";
import type { AttachRequest, ExecRequest, PortForwardRequest } from "../../ground/protocol/index.ts";
import { checked, type RuntimeHandlers } from "./handlers.ts";
import { timerMs } from "./translate/time.ts";
import * as validate from "./validate/index.ts";

/**
 * Creates URLs at which a streaming server serves a request once. Requests have been checked; throws what the
 * engine throws for an unknown id or one that is not running.
 */
export interface Streaming {
  exec(request: ExecRequest): Promise<string>;
  attach(request: AttachRequest): Promise<string>;
  portForward(request: PortForwardRequest): Promise<string>;
}

/** ExecSync, and Exec, Attach and PortForward if there is a streaming server. */
export function execHandlers({ containers }: Engine, streaming: Streaming | undefined): RuntimeHandlers {
  return {
    execSync: checked(validate.execSync, async ({ containerId, cmd, timeout }, { signal }) => {
      const outcome = await containers.execSync(containerId, cmd, timerMs(timeout), signal);
      return { stdout: bytes(outcome.stdout), stderr: bytes(outcome.stderr), exitCode: outcome.exitCode };
    }),
    ...(streaming === undefined ? {} : streamingHandlers(streaming)),
  };
}

function streamingHandlers(streaming: Streaming): RuntimeHandlers {
  return {
    exec: checked(validate.exec, async (request) => ({ url: await streaming.exec(request) })),
    attach: checked(validate.attach, async (request) => ({ url: await streaming.attach(request) })),
    portForward: checked(validate.portForward, async (request) => ({
      url: await streaming.portForward(request),
    })),
  };
}

/** The same bytes, not a copy: an output may have 16 MiB. */
function bytes(array: Uint8Array): Buffer {
  return Buffer.from(array.buffer, array.byteOffset, array.byteLength);
}
