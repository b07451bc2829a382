import { quantityValue } from "../../../ground/quantity/index.ts";
/** Sources of values: fields of the pod, resources of containers, config maps, secrets and files. */
import { pathBelow, volumeFilePath } from "../names.ts";
import { quantity } from "../quantity.ts";
import { boolean, checked, exactlyOne, integer, list, object, type Read, string, text } from "../schema.ts";

export const mode = integer(0, 0o777);

/** https://kubernetes.io/docs/concepts/workloads/pods/downward-api/#available-fields */
const fieldPath = text((value) =>
  /^(metadata\.(name|namespace|uid|((labels|annotations)(\['[^']+'\])?))|spec\.(nodeName|serviceAccountName)|status\.(host|pod)IPs?)$/.test(
    value,
  )
    ? undefined
    : "is not a supported field",
);
export const fieldRef = object({ fieldPath }, { apiVersion: string });

const bytes = [
  "1",
  ...["k", "M", "G", "T", "P", "E"].flatMap((unit) => [`1${unit}`, `1${unit.toUpperCase()}i`]),
];
const divisorsOf = (resource: string) => (resource.endsWith(".cpu") ? ["1m", "1"] : bytes);

/** https://kubernetes.io/docs/concepts/workloads/pods/downward-api/#downwardapi-resourceFieldRef */
export const resourceFieldRef = checked(
  object({ resource: string }, { containerName: string, divisor: quantity }),
  // 0 counts as absent.
  ({ resource, divisor = "0" }, place) => {
    const amount = quantityValue(divisor);
    const divisors = divisorsOf(resource);
    if (amount !== 0 && !divisors.some((one) => quantityValue(one) === amount))
      place.at("divisor").error(`must be ${divisors.join(", ")}, not ${divisor}`);
  },
);

const keyOfObject = object({ key: string, name: string }, { optional: boolean });

/** The source of a variable's value. */
const envVarSource = checked(
  object(
    {},
    {
      fieldRef,
      resourceFieldRef,
      configMapKeyRef: keyOfObject,
      secretKeyRef: keyOfObject,
      fileKeyRef: object({ key: string, path: pathBelow, volumeName: string }, { optional: boolean }),
    },
  ),
  exactlyOne(["fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef", "fileKeyRef"]),
);

export const envVar = checked(
  object({ name: string }, { value: string, valueFrom: envVarSource }),
  ({ name, value, valueFrom }, place) => {
    if (name === "" || name.includes("=")) place.at("name").error('must be a name without "="');
    if ((value ?? "") !== "" && valueFrom !== undefined) place.error("has value and valueFrom");
  },
);
export type EnvVar = Read<typeof envVar>;

const wholeObject = object({ name: string }, { optional: boolean });

export const envFrom = checked(
  object({}, { prefix: string, configMapRef: wholeObject, secretRef: wholeObject }),
  exactlyOne(["configMapRef", "secretRef"]),
);
export type EnvFrom = Read<typeof envFrom>;

/** Keys as files. */
export const items = list(object({ key: string, path: volumeFilePath }, { mode }, ["user"]));
export type KeyToPath = Read<typeof items>[number];

export const downwardItems = list(
  checked(
    object({ path: volumeFilePath }, { fieldRef, resourceFieldRef, mode }, ["user"]),
    exactlyOne(["fieldRef", "resourceFieldRef"]),
  ),
);
export type DownwardItem = Read<typeof downwardItems>[number];
