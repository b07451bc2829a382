import type { WantedStreams } from "../../ground/remotecommand/index.ts";
import type { AttachRequest, ExecRequest, PortForwardRequest } from "./engine.ts";
import { StreamingError } from "./errors.ts";

/** What a URL is given out for. */
export type StreamingRequest =
  | ({ readonly kind: "exec" } & ExecRequest)
  | ({ readonly kind: "attach" } & AttachRequest)
  | ({ readonly kind: "portforward" } & PortForwardRequest);

/**
 * Throws StreamingError InvalidArgument. Whether the container exists and runs is for the caller to check.
 */
export function checkRequest(request: StreamingRequest): void {
  switch (request.kind) {
    case "exec":
      if (request.args.length === 0) throw invalid("exec: no command given");
      checkTarget("exec", "container id", request.containerId);
      checkStreams("exec", request);
      break;
    case "attach":
      checkTarget("attach", "container id", request.containerId);
      checkStreams("attach", request);
      break;
    case "portforward":
      checkTarget("port-forward", "pod sandbox id", request.sandboxId);
      for (const port of request.ports) {
        if (!Number.isInteger(port) || port < 1 || port > 65_535)
          throw invalid(`port-forward: ${port} is not a port`);
      }
      break;
  }
}

function checkTarget(what: string, name: string, id: string): void {
  if (id === "") throw invalid(`${what}: no ${name} is given`);
}

function checkStreams(what: string, { tty, stdin, stdout, stderr }: WantedStreams): void {
  if (tty && stderr)
    throw invalid(`${what}: tty and stderr cannot both be true: a terminal has only one output`);
  if (!stdin && !stdout && !stderr) throw invalid(`${what}: one of stdin, stdout and stderr must be true`);
}

function invalid(message: string): StreamingError {
  return new StreamingError("InvalidArgument", message);
}
