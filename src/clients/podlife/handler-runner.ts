/** What probes and hooks do: run a command in a container, ask by HTTP, TCP or gRPC. */
import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { connect } from "node:net";
import { longestTimerMs } from "../../ground/clock/index.ts";
import { hasCode, messageOf } from "../../ground/errors/index.ts";
import {
  HealthCheckRequest,
  HealthCheckResponse_ServingStatus,
  HealthService,
} from "../../ground/protocol/index.ts";
import { GrpcClient } from "../grpcclient/index.ts";
import type { Container, HttpGet } from "../manifests/index.ts";
import type { PodRuntime } from "./pod-runtime.ts";

/** Where a container can be asked. */
export type Target = {
  readonly container: Container;
  readonly containerId: string;
  readonly podIp: string;
};

/** `undefined` is success; else what went wrong. */
export type Outcome = string | undefined;

type Action = {
  readonly exec?: { readonly command: readonly string[] };
  readonly httpGet?: HttpGet;
  readonly tcpSocket?: { readonly port: number | string; readonly host?: string };
  readonly grpc?: { readonly port: number; readonly service?: string };
};

/** As a kubelet's: probes follow redirects on the same host only, and we none. */
const userAgent = "berth-probe/1";
const maxBodyBytes = 10 * 1024;

/** Does what a probe or hook says, once. Only the signal's reason is thrown. */
export async function runHandler(
  runtime: PodRuntime,
  action: Action,
  target: Target,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<Outcome> {
  signal.throwIfAborted();
  const limit = AbortSignal.any([signal, AbortSignal.timeout(Math.min(timeoutMs, longestTimerMs))]);
  try {
    if (action.exec !== undefined)
      return await runCommand(runtime, target, action.exec.command, timeoutMs, limit);
    if (action.httpGet !== undefined) return await askHttp(action.httpGet, target, limit);
    if (action.tcpSocket !== undefined) return await askTcp(action.tcpSocket, target, limit);
    if (action.grpc !== undefined) return await askGrpc(action.grpc, target, timeoutMs, limit);
    return undefined;
  } catch (error) {
    signal.throwIfAborted();
    if (limit.aborted || hasCode(error, "DeadlineExceeded")) return `timed out after ${timeoutMs / 1000}s`;
    return messageOf(error);
  }
}

async function runCommand(
  runtime: PodRuntime,
  { containerId }: Target,
  command: readonly string[],
  timeoutMs: number,
  signal: AbortSignal,
): Promise<Outcome> {
  const running = runtime.exec(containerId, command, Math.ceil(timeoutMs / 1000));
  const { exitCode, stdout, stderr } = await abortable(running, signal);
  if (exitCode === 0) return undefined;
  const output = Buffer.concat([stdout, stderr]).toString().trim().slice(0, 1024);
  return `exit code ${exitCode}${output === "" ? "" : `: ${output}`}`;
}

async function abortable<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const abort = () => reject(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.race([work, promise]);
  } finally {
    signal.removeEventListener("abort", abort);
    work.catch(() => {});
  }
}

async function askHttp(get: HttpGet, target: Target, signal: AbortSignal): Promise<Outcome> {
  const { path = "/", scheme = "HTTP", httpHeaders = [] } = get;
  const headers: Record<string, string> = { "user-agent": userAgent, accept: "*/*", connection: "close" };
  for (const { name, value } of httpHeaders) headers[name.toLowerCase()] = value;
  const options = {
    host: get.host ?? target.podIp,
    port: portOf(get.port, target.container),
    path: path.startsWith("/") ? path : `/${path}`,
    headers,
    signal,
    agent: false,
  } as const;
  const { promise, resolve, reject } = Promise.withResolvers<Outcome>();
  // A kubelet does not check certificates either: the pod's address is in none.
  const request =
    scheme === "HTTPS" ? httpsRequest({ ...options, rejectUnauthorized: false }) : httpRequest(options);
  request.on("error", reject);
  request.on("response", (response) => {
    const { statusCode = 0 } = response;
    let bytes = 0;
    response.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > maxBodyBytes) response.destroy();
    });
    response.on("error", () => {});
    resolve(statusCode >= 200 && statusCode < 400 ? undefined : `HTTP status ${statusCode}`);
  });
  request.end();
  return await promise;
}

async function askTcp(
  { host, port }: { readonly port: number | string; readonly host?: string },
  { container, podIp }: Target,
  signal: AbortSignal,
): Promise<Outcome> {
  const { promise, resolve, reject } = Promise.withResolvers<Outcome>();
  const socket = connect({ host: host ?? podIp, port: portOf(port, container) });
  const abort = () => reject(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  socket.on("connect", () => resolve(undefined)).on("error", reject);
  try {
    return await promise;
  } finally {
    signal.removeEventListener("abort", abort);
    socket.destroy();
  }
}

/** https://github.com/grpc/grpc/blob/master/doc/health-checking.md */
async function askGrpc(
  { port, service = "" }: { readonly port: number; readonly service?: string },
  { podIp }: Target,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<Outcome> {
  using client = new GrpcClient({ address: { host: podIp, port }, maxMessageBytes: 64 * 1024 });
  const request = HealthCheckRequest.fromPartial({ service });
  const { status } = await client.unary(HealthService.check, request, { signal, timeoutMs });
  if (status === HealthCheckResponse_ServingStatus.SERVING) return undefined;
  return `the service is not serving (status ${status})`;
}

/** Throws for a name that the container has no port of. */
function portOf(port: number | string, { name, ports = [] }: Container): number {
  if (typeof port === "number") return port;
  const named = ports.find((one) => one.name === port)?.containerPort ?? Number(port);
  if (Number.isInteger(named) && named > 0 && named <= 65_535) return named;
  throw new Error(`container ${name} has no port named ${JSON.stringify(port)}`);
}
