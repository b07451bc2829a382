import { annotationKey, dnsLabel, dnsName, labelValue, namePrefix, qualifiedName } from "../names.ts";
import { anything, checked, list, mapOf, object, oneOf, type Read, string } from "../schema.ts";

/** Labels of objects, or required ones. */
export const labels = mapOf(labelValue, qualifiedName);

const maxAnnotationsBytes = 256 * 1024;

const annotations = checked(mapOf(string, annotationKey), (values, place) => {
  const bytes = Object.entries(values)
    .flat()
    .reduce((sum, one) => sum + Buffer.byteLength(one), 0);
  if (bytes > maxAnnotationsBytes) place.error("may be 256 KiB together");
});

const common = {
  namespace: dnsLabel,
  labels,
  annotations,
};

/** Fields that `kubectl get -o yaml` prints and that clients do not set; ignored without a warning. */
const ofServers = {
  uid: anything,
  resourceVersion: anything,
  generation: anything,
  creationTimestamp: anything,
  managedFields: anything,
  ownerReferences: anything,
  selfLink: anything,
};

const withoutEffect = ["finalizers", "deletionGracePeriodSeconds", "deletionTimestamp"];

export const objectMeta = object(
  {},
  { name: dnsName, generateName: namePrefix, ...common, ...ofServers },
  withoutEffect,
);
export type ObjectMeta = Read<typeof objectMeta>;

/** Metadata of a template, whose objects get generated names. */
export const templateMeta = objectMeta;

export const labelSelector = object(
  {},
  {
    matchLabels: labels,
    matchExpressions: list(
      checked(
        object(
          { key: qualifiedName, operator: oneOf("In", "NotIn", "Exists", "DoesNotExist") },
          { values: list(labelValue) },
        ),
        ({ operator, values = [] }, place) => {
          const needsValues = operator === "In" || operator === "NotIn";
          if (needsValues !== values.length > 0)
            place.at("values").error(`${needsValues ? "is required" : "may not be there"} for ${operator}`);
        },
      ),
    ),
  },
);
export type LabelSelector = Read<typeof labelSelector>;
