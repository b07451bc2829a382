/** The value at `labels.REST`: dots in a label's name need no quotes. */
export function fieldOfLabels(
  labels: Readonly<Record<string, string>>,
  path: readonly string[],
): string | undefined {
  const name = path.join(".");
  return Object.hasOwn(labels, name) ? labels[name] : undefined;
}
