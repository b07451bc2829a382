import { dnsLabel, dnsName, labelValue, namePrefix } from "../names.ts";
import { anything, list, mapOf, object, oneOf, type Read, string } from "../schema.ts";

const common = {
  namespace: dnsLabel,
  labels: mapOf(labelValue),
  annotations: mapOf(string),
};

/** What `kubectl get -o yaml` writes and no client sets: taken without a word. */
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

/** Of a template, whose objects get their names from who makes them. */
export const templateMeta = objectMeta;

export const labelSelector = object(
  {},
  {
    matchLabels: mapOf(labelValue),
    matchExpressions: list(
      object(
        { key: string, operator: oneOf("In", "NotIn", "Exists", "DoesNotExist") },
        { values: list(string) },
      ),
    ),
  },
);
export type LabelSelector = Read<typeof labelSelector>;
