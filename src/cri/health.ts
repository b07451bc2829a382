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
  const statusOf = ({ service }: HealthCheckRequest): HealthCheckResponse => {
    if (service !== "" && !services.includes(service)) {
      throw new CriError("NotFound", `there is no service ${JSON.stringify(service)}`);
    }
    return { status: HealthCheckResponse_ServingStatus.SERVING };
  };
  return {
    check: statusOf,
    async *watch(request, { signal }) {
      yield statusOf(request);
      if (!signal.aborted) await once(signal, "abort");
    },
  };
}
