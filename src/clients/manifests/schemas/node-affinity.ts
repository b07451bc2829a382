import { qualifiedName } from "../names.ts";
import { checked, filled, list, object, oneOf, type Read, type Schema, string } from "../schema.ts";

const operators = oneOf("In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt");

function requirement(key: Schema<string>) {
  return checked(
    object({ key, operator: operators }, { values: list(string) }),
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
}

const term = object(
  {},
  {
    matchExpressions: list(requirement(qualifiedName)),
    matchFields: list(requirement(oneOf("metadata.name"))),
  },
);

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
