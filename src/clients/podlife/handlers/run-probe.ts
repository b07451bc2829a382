import { longestTimerMs } from "../../../ground/clock/index.ts";
import { hasCode, messageOf } from "../../../ground/errors/index.ts";
import {
  HealthCheckRequest,
  HealthCheckResponse_ServingStatus,
  HealthService,
} from "../../../ground/protocol/index.ts";
import { GrpcClient } from "../../grpcclient/index.ts";
import type { Probe } from "../../manifests/index.ts";
import { expandStatic } from "../../podspec/index.ts";
import type { PodRuntime } from "../pod-runtime.ts";
import { runCommand } from "./command.ts";
import { connectTo } from "./connect.ts";
import { headersOf, statusOf, urlOf } from "./http.ts";
import { type Outcome, portOf, type Target } from "./target.ts";

/**
 * Probes a container once, as a kubelet does (pkg/kubelet/prober/prober.go): no response is a failure. Throws
 * the signal's reason, and errors that are not the container's: the runtime could not run the command, or
 * there is no port with that name.
 */
export async function runProbe(
  runtime: PodRuntime,
  probe: Probe,
  target: Target,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<Outcome> {
  signal.throwIfAborted();
  const limit = AbortSignal.any([signal, AbortSignal.timeout(Math.min(timeoutMs, longestTimerMs))]);
  const { exec, httpGet, tcpSocket, grpc } = probe;
  const { container, containerId, podIp } = target;
  if (exec !== undefined) {
    const command = exec.command.map((word) => expandStatic(word, container));
    const run = runCommand(runtime, containerId, command, timeoutMs, limit).then(({ exitCode, output }) =>
      exitCode === 0 ? undefined : `exit code ${exitCode}${output === "" ? "" : `: ${output}`}`,
    );
    return await answered(
      run,
      timeoutMs,
      signal,
      (error) => limit.aborted || hasCode(error, "DeadlineExceeded"),
    );
  }
  if (httpGet !== undefined) {
    const asked = statusOf(urlOf(httpGet, target), headersOf(httpGet, "berth-probe/1"), limit);
    return await answered(
      asked.then((status) => (status >= 200 && status < 400 ? undefined : `HTTP status ${status}`)),
      timeoutMs,
      signal,
    );
  }
  if (tcpSocket !== undefined) {
    const port = portOf(tcpSocket.port, container);
    const connected = connectTo(tcpSocket.host ?? podIp, port, limit);
    return await answered(
      connected.then(() => undefined),
      timeoutMs,
      signal,
    );
  }
  if (grpc !== undefined) return await answered(askGrpc(grpc, podIp, timeoutMs, limit), timeoutMs, signal);
  return undefined;
}

/** Turns errors, or those that match, into failures. */
async function answered(
  asked: Promise<Outcome>,
  timeoutMs: number,
  signal: AbortSignal,
  isFailure: (error: unknown) => boolean = () => true,
): Promise<Outcome> {
  try {
    return await asked;
  } catch (error) {
    signal.throwIfAborted();
    if (!isFailure(error)) throw error;
    const isLate = hasCode(error, "DeadlineExceeded") || (error instanceof Error && isTimeout(error));
    return isLate ? `timed out after ${timeoutMs / 1000}s` : messageOf(error);
  }
}

/** Whether the error, or the cause of Node's request error, comes from AbortSignal.timeout. */
function isTimeout(error: Error): boolean {
  return (
    error.name === "TimeoutError" || (error.cause instanceof Error && error.cause.name === "TimeoutError")
  );
}

/** https://github.com/grpc/grpc/blob/master/doc/health-checking.md */
async function askGrpc(
  { port, service = "" }: { readonly port: number; readonly service?: string },
  host: string,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<Outcome> {
  using client = new GrpcClient({ address: { host, port }, maxMessageBytes: 64 * 1024 });
  const request = HealthCheckRequest.fromPartial({ service });
  const { status } = await client.unary(HealthService.check, request, { signal, timeoutMs });
  if (status === HealthCheckResponse_ServingStatus.SERVING) return undefined;
  return `the service is not serving (status ${status})`;
}
