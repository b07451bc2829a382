import type { ManifestOf } from "../manifests/index.ts";
import { writtenTime } from "../podlife/index.ts";
import { revisionAnnotation } from "./controllers/deployment-revisions.ts";
import type { JobStatus } from "./controllers/job-status.ts";
import { isOfKind, type ObjectStatus, type StoredObject, type StoredPod } from "./objects.ts";
import { familiesOf, familyOf, familyPolicy } from "./services/ip-families.ts";
import { portKey, type StoredService, statusOf } from "./services/service-addresses.ts";

/** An object in Kubernetes' form: its manifest, and the fields that the manager adds. */
export function objectJson(object: StoredObject, owner: StoredObject | undefined): Record<string, unknown> {
  const { manifest, uid, createdAtNs, generation } = object;
  const status = statusJson(object);
  return {
    ...manifest,
    ...(isOfKind(object, "Service") ? { spec: serviceSpecJson(object) } : {}),
    ...(isOfKind(object, "Pod") ? { spec: podSpecJson(object) } : {}),
    metadata: {
      ...metadataJson(object),
      ...unlessEmpty("annotations", annotationsJson(object)),
      uid,
      generation,
      creationTimestamp: writtenTime(createdAtNs),
      ...(owner === undefined
        ? {}
        : {
            ownerReferences: [
              {
                apiVersion: owner.manifest.apiVersion,
                kind: owner.manifest.kind,
                name: owner.manifest.metadata.name,
                uid: owner.uid,
                controller: true,
              },
            ],
          }),
      ...deletionJson(object),
    },
    ...(status === undefined ? {} : { status }),
  };
}

/** An object as it was applied. */
export function appliedJson(object: StoredObject): Record<string, unknown> {
  return { ...object.manifest, metadata: metadataJson(object) };
}

function metadataJson({ manifest: { metadata } }: StoredObject): object {
  const { name, namespace, labels, annotations } = metadata;
  return {
    name,
    ...(namespace === "" ? {} : { namespace }),
    ...unlessEmpty("labels", labels),
    ...unlessEmpty("annotations", annotations),
  };
}

function unlessEmpty(key: string, values: Readonly<Record<string, string>>): object {
  return Object.keys(values).length === 0 ? {} : { [key]: values };
}

/** By when it is to be gone, as Kubernetes tells it. */
function deletionJson({ manifest, deleting }: StoredObject): object {
  if (deleting === undefined) return {};
  const ofPod = manifest.kind === "Pod" ? (manifest.spec.terminationGracePeriodSeconds ?? 30) : 0;
  const { graceSeconds = ofPod, sinceNs } = deleting;
  const deletionGracePeriodSeconds = { deletionGracePeriodSeconds: graceSeconds };
  if (sinceNs === undefined) return deletionGracePeriodSeconds;
  const atNs = sinceNs + BigInt(Math.round(graceSeconds)) * 1_000_000_000n;
  return { deletionTimestamp: writtenTime(atNs), ...deletionGracePeriodSeconds };
}

function statusJson({ status, manifest }: StoredObject): unknown {
  if (status?.pod !== undefined) return status.pod;
  if (manifest.kind === "Service") return { loadBalancer: {} };
  if (manifest.kind === "PersistentVolumeClaim") return claimStatus(manifest);
  if (manifest.kind === "Job" && status?.job !== undefined)
    return jobJson(status.job as JobStatus, manifest.spec.suspend === true);
  if (manifest.kind === "Deployment" && status !== undefined) return withoutRevision(status);
  return status;
}

/** There is always room for it: its size is no limit. */
function claimStatus({ spec }: ManifestOf<"PersistentVolumeClaim">): unknown {
  const { accessModes, resources } = spec;
  return { phase: "Bound", accessModes, capacity: { storage: resources.requests.storage } };
}

/** Removes the revision, which Kubernetes stores elsewhere. */
function withoutRevision({ revision: _, ...shown }: ObjectStatus): unknown {
  return shown;
}

/** The annotations, with that of Kubernetes for a Deployment's revision. */
function annotationsJson({ manifest, status }: StoredObject): Readonly<Record<string, string>> {
  const { annotations } = manifest.metadata;
  if (manifest.kind !== "Deployment" || status?.revision === undefined) return annotations;
  return { ...annotations, [revisionAnnotation]: String(status.revision) };
}

/** The specification, with added containers. */
function podSpecJson({ manifest: { spec }, ephemeralContainers }: StoredPod): unknown {
  return ephemeralContainers === undefined ? spec : { ...spec, ephemeralContainers };
}

/** The specification, with the assigned addresses and ports. */
function serviceSpecJson(service: StoredService): unknown {
  const { spec } = service.manifest;
  const { clusterIPs = spec.clusterIP === "None" ? ["None"] : undefined, nodePorts } = statusOf(service);
  const ports = (spec.ports ?? []).map((port) => {
    const nodePort = nodePorts?.[portKey(port)];
    return { ...port, ...(nodePort === undefined ? {} : { nodePort }) };
  });
  const [clusterIP] = clusterIPs ?? [];
  if (clusterIPs === undefined || clusterIP === undefined) return { ...spec, ports };
  const ipFamilies = clusterIP === "None" ? familiesOf(spec) : clusterIPs.map(familyOf);
  return { ...spec, clusterIP, clusterIPs, ipFamilies, ipFamilyPolicy: familyPolicy(spec), ports };
}

function jobJson(
  { startTimeNs, completionTimeNs, end, reason, message, decided, ...counts }: JobStatus,
  isSuspended: boolean,
): unknown {
  const completionTime = completionTimeNs === undefined ? undefined : writtenTime(completionTimeNs);
  const transitionTime = completionTime === undefined ? {} : { lastTransitionTime: completionTime };
  const why = (given: { readonly reason?: string | undefined; readonly message?: string | undefined }) => ({
    status: "True",
    ...(given.reason === undefined ? {} : { reason: given.reason, message: given.message }),
  });
  const conditions = [
    ...(isSuspended && end === undefined
      ? [{ type: "Suspended", status: "True", reason: "JobSuspended", message: "Job suspended" }]
      : []),
    ...(decided === undefined ? [] : [{ type: decidedType(decided.end), ...why(decided) }]),
    ...(end === undefined
      ? []
      : [
          { type: decidedType(end), ...why({ reason, message }) },
          { type: end, ...why({ reason, message }), ...transitionTime },
        ]),
  ];
  return {
    ...counts,
    ...(startTimeNs === undefined ? {} : { startTime: writtenTime(startTimeNs) }),
    ...(end === "Complete" && completionTime !== undefined ? { completionTime } : {}),
    ...(conditions.length === 0 ? {} : { conditions }),
  };
}

/** The condition of a job that is about to end. */
function decidedType(end: NonNullable<JobStatus["end"]>): string {
  return end === "Complete" ? "SuccessCriteriaMet" : "FailureTarget";
}
