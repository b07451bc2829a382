/**
 * The protocol: messages, services and clients of the Container Runtime Interface (package runtime.v1),
 * generated from proto/ by `npm run generate`. This room has no logic and imports no other.
 *
 * Each message is a plain type together with an object of the same name that creates and encodes it:
 * `X.fromPartial({...})`, `X.encode(x).finish()`, `X.decode(bytes)`, and `X.toJSON(x)` / `X.fromJSON(value)`
 * in protobuf's JSON form (containerd's messages have none). int64 and uint64 are bigint, bytes are Buffer,
 * an unset message is undefined, and an unset scalar is its zero value. Enums are objects of numbers
 * (`NamespaceMode.NODE`); one from the wire may have an unknown number. `XService` is what a gRPC server
 * registers, `XClient` what a client constructs.
 */

export {
  cliOwner,
  commandStatusMetadata,
  ownerLabel,
  ownerMetadata,
  type WhenEnded,
  whenEndedActions,
  whenEndedAnnotation,
} from "./berth-metadata.ts";
/** What berthd offers beyond the CRI (package berth.v1); its messages share names with runtime.v1's. */
export * as berthV1 from "./berth-v1.ts";
/** containerd's own API. */
export * as containerd from "./containerd.ts";
export { defaultMaskedPaths, defaultReadonlyPaths } from "./default-paths.ts";
export {
  HealthCheckRequest,
  HealthCheckResponse,
  HealthCheckResponse_ServingStatus,
  HealthClient,
  type HealthServer,
  HealthService,
} from "./generated/grpc/health/v1/health.ts";
export * from "./generated/runtime/v1/api.ts";
