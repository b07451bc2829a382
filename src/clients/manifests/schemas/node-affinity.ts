import { dnsName, qualifiedName } from "../names.ts";
import { checked, filled, list, object, oneOf, type Read, string } from "../schema.ts";

const operators = oneOf("In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt");

const ofLabel = checked(
  object({ key: qualifiedName, operator: operators }, { values: list(string) }),
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

/** Some of the {@link operators}, so that whoever evaluates requirements sees one type. */
const fieldOperators: typeof operators = oneOf("In", "NotIn");

const ofField = object(
  {
    key: oneOf("metadata.name"),
    operator: fieldOperators,
    values: checked(list(dnsName), (values, place) => {
      if (values.length !== 1) place.error("must be one name");
    }),
  },
  {},
);

const term = object({}, { matchExpressions: list(ofLabel), matchFields: list(ofField) });

/** Which nodes a pod may be on; here there is one. */
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
