import type { LabelSelector } from "./schemas/metadata.ts";

/** Whether a label selector matches an object with these labels; an empty one matches every object. */
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

/** Whether a label's value meets a requirement; undefined for a missing label. */
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
