import { KeyValue } from "../../ground/protocol/index.ts";
import type { EnvVar, ManifestOf } from "../manifests/index.ts";
import type { ContainerRequest } from "./container-request.ts";
import { envFileValue, type FileKey } from "./env-file.ts";
import { PodSpecError } from "./errors.ts";
import { expand } from "./expansion.ts";
import { fieldValue, resourceValue } from "./fields.ts";
import { variableDataOf } from "./object-data.ts";
import { serviceVariables } from "./service-variables.ts";

/**
 * The environment of a container: variables of services, of whole objects, then its own, each expanded with
 * those before it; the last one of a name wins. Throws PodSpecError for a missing source that is not
 * optional.
 */
export async function environment(request: ContainerRequest): Promise<readonly KeyValue[]> {
  const { namespace } = request.pod.metadata;
  const services =
    request.pod.spec.enableServiceLinks === false ? [] : request.context.objects.services(namespace);
  const variables: KeyValue[] = [...serviceVariables(services)];
  for (const { prefix = "", configMapRef, secretRef } of request.container.envFrom ?? []) {
    const ref = configMapRef ?? secretRef;
    const object = find(request, configMapRef === undefined ? "Secret" : "ConfigMap", ref?.name ?? "");
    if (object === undefined && ref?.optional !== true)
      throw new PodSpecError(
        "NotFound",
        missing(configMapRef === undefined ? "Secret" : "ConfigMap", namespace, ref?.name),
      );
    if (object === undefined) continue;
    for (const [key, value] of variableDataOf(object))
      variables.push(KeyValue.fromPartial({ key: `${prefix}${key}`, value }));
  }
  for (const variable of request.container.env ?? []) {
    const value = await valueOfVariable(variable, variables, request);
    if (value !== undefined) variables.push(KeyValue.fromPartial({ key: variable.name, value }));
  }
  return [...new Map(variables.map((variable) => [variable.key, variable])).values()];
}

/** The value of a variable; undefined for an optional one whose source is missing. */
async function valueOfVariable(
  { name, value = "", valueFrom }: EnvVar,
  before: readonly KeyValue[],
  request: ContainerRequest,
): Promise<Buffer | undefined> {
  if (valueFrom === undefined) return Buffer.from(expand(value, before));
  const { fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef, fileKeyRef } = valueFrom;
  if (fieldRef !== undefined) return Buffer.from(fieldValue(fieldRef.fieldPath, request));
  if (resourceFieldRef !== undefined)
    return Buffer.from(resourceValue(resourceFieldRef, request, request.container));
  const kind = configMapKeyRef === undefined ? "Secret" : "ConfigMap";
  const ref = configMapKeyRef ?? secretKeyRef;
  if (fileKeyRef !== undefined) return await valueOfFile(name, fileKeyRef, request);
  if (ref === undefined) throw new PodSpecError("InvalidArgument", `variable ${name} has no source`);
  const { namespace } = request.pod.metadata;
  const object = find(request, kind, ref.name);
  const found = object === undefined ? undefined : variableDataOf(object).get(ref.key);
  if (found !== undefined) return found;
  if (ref.optional === true) return undefined;
  throw new PodSpecError(
    "NotFound",
    object === undefined
      ? missing(kind, namespace, ref.name)
      : `${kind} ${namespace}/${ref.name} has no key ${JSON.stringify(ref.key)}`,
  );
}

async function valueOfFile(
  name: string,
  ref: FileKey & { readonly optional?: boolean },
  request: ContainerRequest,
): Promise<Buffer | undefined> {
  const value = await envFileValue(ref, request);
  // A kubelet leaves out a variable without a value.
  if (value !== undefined && value !== "") return Buffer.from(value);
  if (ref.optional === true) return undefined;
  throw new PodSpecError(
    "NotFound",
    `variable ${name}: ${ref.path} of volume ${ref.volumeName} has no ${JSON.stringify(ref.key)}`,
  );
}

function find(
  { context: { objects }, pod }: ContainerRequest,
  kind: "ConfigMap" | "Secret",
  name: string,
): ManifestOf<"ConfigMap"> | ManifestOf<"Secret"> | undefined {
  const { namespace } = pod.metadata;
  return kind === "ConfigMap" ? objects.configMap(namespace, name) : objects.secret(namespace, name);
}

function missing(kind: string, namespace: string, name = ""): string {
  return `${kind} ${namespace}/${name} not found`;
}
