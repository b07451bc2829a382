import { dnsName, qualifiedName } from "../names.ts";
import { checked, filled, list, object, oneOf, type Read, string } from "../schema.ts";

const ofLabel = checked(
  object(
    { key: qualifiedName, operator: oneOf("In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt") },
    { values: list(string) },
  ),
  ({ operator, values = [] }, place) => {
    const at = place.at("values");
    switch (operator) {
      case "In":
      case "NotIn":
        if (values.length === 0) at.error(`is required for ${operator}`);
        break;
      case "Exists":
      case "DoesNotExist":
        if (values.length > 0) at.error(`may not be there for ${operator}`);
        break;
      case "Gt":
      case "Lt":
        if (values.length !== 1 || !/^-?[0-9]+$/.test(values[0] ?? ""))
          at.error(`must be one integer for ${operator}`);
    }
  },
);

const ofField = object(
  {
    key: oneOf("metadata.name"),
    operator: oneOf("In", "NotIn"),
    values: checked(list(dnsName), (values, place) => {
      if (values.length !== 1) place.error("must be one name");
    }),
  },
  {},
);

const term = object({}, { matchExpressions: list(ofLabel), matchFields: list(ofField) });

/** The allowed nodes of a pod; here there is only one. */
export const affinity = object(
  {},
  {
    nodeAffinity: object(
      {},
      { requiredDuringSchedulingIgnoredDuringExecution: object({ nodeSelectorTerms: filled(term) }, {}) },
      ["preferredDuringSchedulingIgnoredDuringExecution"],
    ),
  },
  ["podAffinity", "podAntiAffinity"],
);
export type NodeSelectorTerm = Read<typeof term>;
