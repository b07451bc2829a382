import { longestTimerMs } from "../../../ground/clock/index.ts";
import { messageOf } from "../../../ground/errors/index.ts";
import type { HttpGet, LifecycleHandler } from "../../manifests/index.ts";
import type { PodWork } from "../pod-work.ts";
import { runCommand } from "./command.ts";
import { connectTo } from "./connect.ts";
import { headersOf, statusOf, urlOf } from "./http.ts";
import { type Outcome, portOf, type Target } from "./target.ts";

/**
 * Runs a hook, as a kubelet does (pkg/kubelet/lifecycle/handlers.go). Returns failures, including a timeout
 * (except for sleep); throws only the signal's reason.
 */
export async function runHook(
  { runtime, clock }: Pick<PodWork, "runtime" | "clock">,
  hook: LifecycleHandler,
  target: Target,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<Outcome> {
  signal.throwIfAborted();
  const limit = AbortSignal.any([signal, AbortSignal.timeout(Math.min(timeoutMs, longestTimerMs))]);
  const { container, containerId, podIp } = target;
  try {
    if (hook.sleep !== undefined) await clock.wait(Math.min(hook.sleep.seconds * 1000, timeoutMs), signal);
    else if (hook.exec !== undefined) {
      // As with a kubelet, nobody is told what it wrote, which may be secret.
      const { exitCode } = await runCommand(runtime, containerId, hook.exec.command, timeoutMs, limit);
      return exitCode === 0 ? undefined : `exit code ${exitCode}`;
    } else if (hook.httpGet !== undefined) await call(hook.httpGet, target, limit);
    else if (hook.tcpSocket !== undefined) {
      const { port, host = podIp } = hook.tcpSocket;
      await connectTo(host, portOf(port, container), limit);
    }
    return undefined;
  } catch (error) {
    signal.throwIfAborted();
    return limit.aborted ? `timed out after ${timeoutMs / 1000}s` : messageOf(error);
  }
}

/** Any response will do. If a server speaks HTTP instead of HTTPS, HTTP is tried. */
async function call(get: HttpGet, target: Target, signal: AbortSignal): Promise<void> {
  const url = urlOf(get, target);
  const headers = headersOf(get, "berth-lifecycle/1");
  try {
    await statusOf(url, headers, signal);
  } catch (error) {
    if (url.protocol !== "https:" || !speaksNoTls(error)) throw error;
    const { authorization: _, ...others } = headers;
    url.protocol = "http:";
    await statusOf(url, others, signal);
  }
}

/** OpenSSL's errors for a response that is not TLS. */
function speaksNoTls(error: unknown): boolean {
  return /wrong version number|packet length too long/.test(messageOf(error));
}
