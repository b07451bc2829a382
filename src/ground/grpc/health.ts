import { once } from "node:events";
import { HealthCheckResponse_ServingStatus, HealthService } from "../protocol/index.ts";
import { GrpcError } from "./errors.ts";
import { defineService, type GrpcService } from "./service.ts";

/**
 * The standard health service (https://grpc.io/docs/guides/health-checking/): registered services are SERVING
 * until the server closes. `services` are full names.
 */
export function healthService(services: readonly string[], closing: AbortSignal): GrpcService {
  const isKnown = (service: string) => service === "" || services.includes(service);
  const { SERVING, NOT_SERVING, SERVICE_UNKNOWN } = HealthCheckResponse_ServingStatus;
  const ofKnown = () => (closing.aborted ? NOT_SERVING : SERVING);
  return defineService(
    HealthService,
    {
      check: ({ service }) => {
        if (isKnown(service)) return { status: ofKnown() };
        throw new GrpcError("NotFound", `service ${JSON.stringify(service)} not found`);
      },
      async *watch({ service }, { signal }) {
        const known = isKnown(service);
        yield { status: known ? ofKnown() : SERVICE_UNKNOWN };
        if (signal.aborted) return;
        // By the protocol, a watch waits for an unknown service; none is added later.
        const change = known && !closing.aborted ? AbortSignal.any([signal, closing]) : signal;
        if (!change.aborted) await once(change, "abort");
        if (signal.aborted) return;
        yield { status: NOT_SERVING };
        if (!signal.aborted) await once(signal, "abort");
      },
    },
    { quiet: ["check"], endless: ["watch"] },
  );
}
