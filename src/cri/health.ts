import { once } from "node:events";
import {
  type HealthCheckRequest,
  type HealthCheckResponse,
  HealthCheckResponse_ServingStatus,
  type HealthServer,
} from "../protocol/index.ts";
import { CriError } from "./errors.ts";
import type { Handlers } from "./handlers.ts";

/**
 * The standard health service: what is registered is served until the server closes, and then nothing is. `services` are
 * full names.
 */
export function healthHandlers(services: readonly string[], closing: AbortSignal): Handlers<HealthServer> {
  const isKnown = ({ service }: HealthCheckRequest) => service === "" || services.includes(service);
  const { SERVING, NOT_SERVING, SERVICE_UNKNOWN } = HealthCheckResponse_ServingStatus;
  const ofKnown = () => (closing.aborted ? NOT_SERVING : SERVING);
  return {
    check: (request): HealthCheckResponse => {
      if (isKnown(request)) return { status: ofKnown() };
      throw new CriError("NotFound", `there is no service ${JSON.stringify(request.service)}`);
    },
    async *watch(request, { signal }): AsyncIterable<HealthCheckResponse> {
      const known = isKnown(request);
      yield { status: known ? ofKnown() : SERVICE_UNKNOWN };
      if (signal.aborted) return;
      // By the protocol a watch waits for a service that is not there; none comes later.
      const change = known && !closing.aborted ? AbortSignal.any([signal, closing]) : signal;
      if (!change.aborted) await once(change, "abort");
      if (signal.aborted) return;
      yield { status: NOT_SERVING };
      if (!signal.aborted) await once(signal, "abort");
    },
  };
}
