import type { LabelSelector } from "./schemas/metadata.ts";

/** Whether a selector of labels takes an object with these; an empty one takes every object. */
export function selects(
  { matchLabels = {}, matchExpressions = [] }: LabelSelector,
  labels: Readonly<Record<string, string>>,
): boolean {
  return (
    Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
    matchExpressions.every((expression) => meets(expression, labels[expression.key]))
  );
}

type Expression = NonNullable<LabelSelector["matchExpressions"]>[number];
type Requirement = Pick<Expression, "operator" | "values">;

/** Whether a value is as required; undefined is that of a label that is not there. */
export function meets({ operator, values = [] }: Requirement, value: string | undefined): boolean {
  switch (operator) {
    case "Exists":
      return value !== undefined;
    case "DoesNotExist":
      return value === undefined;
    case "In":
      return value !== undefined && values.includes(value);
    case "NotIn":
      return value === undefined || !values.includes(value);
  }
}
