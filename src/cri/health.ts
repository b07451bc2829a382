import { once } from "node:events";
import {
  type HealthCheckRequest,
  type HealthCheckResponse,
  HealthCheckResponse_ServingStatus,
  type HealthServer,
} from "../protocol/index.ts";
import { CriError } from "./errors.ts";
import type { Handlers } from "./handlers.ts";

/** The standard health service: what is registered is served for as long as the server runs. `services` are full names. */
export function healthHandlers(services: readonly string[]): Handlers<HealthServer> {
  const isKnown = ({ service }: HealthCheckRequest) => service === "" || services.includes(service);
  return {
    check: (request): HealthCheckResponse => {
      if (isKnown(request)) return { status: HealthCheckResponse_ServingStatus.SERVING };
      throw new CriError("NotFound", `there is no service ${JSON.stringify(request.service)}`);
    },
    async *watch(request, { signal }): AsyncIterable<HealthCheckResponse> {
      // By the protocol a watch waits for a service that is not there; none comes later.
      const { SERVING, SERVICE_UNKNOWN } = HealthCheckResponse_ServingStatus;
      yield { status: isKnown(request) ? SERVING : SERVICE_UNKNOWN };
      if (!signal.aborted) await once(signal, "abort");
    },
  };
}
