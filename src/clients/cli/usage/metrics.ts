import {
  type ListMetricDescriptorsResponse,
  type Metric,
  MetricType,
  type PodSandboxMetrics,
} from "../../../ground/protocol/index.ts";

/** A metric with its labels as a record. */
export type LabelledMetric = {
  readonly name: string;
  readonly help: string;
  readonly type: "counter" | "gauge";
  readonly labels: Readonly<Record<string, string>>;
  readonly value: bigint;
  /** When it was collected, if that was not just now. */
  readonly timestampMs: bigint | undefined;
};

/** The metrics of the pods and their containers, grouped by name, in the order of the descriptors. */
export function labelledMetrics(
  { descriptors }: ListMetricDescriptorsResponse,
  pods: readonly PodSandboxMetrics[],
): readonly LabelledMetric[] {
  const all = pods.flatMap((pod) => [
    ...pod.metrics,
    ...pod.containerMetrics.flatMap(({ metrics }) => metrics),
  ]);
  const byName = Map.groupBy(all, ({ name }) => name);
  return descriptors.flatMap(({ name, help, labelKeys }) =>
    (byName.get(name) ?? []).map((metric) => labelled(metric, help, labelKeys)),
  );
}

function labelled(metric: Metric, help: string, labelKeys: readonly string[]): LabelledMetric {
  return {
    name: metric.name,
    help,
    type: metric.metricType === MetricType.COUNTER ? "counter" : "gauge",
    labels: Object.fromEntries(labelKeys.map((key, index) => [key, metric.labelValues[index] ?? ""])),
    value: metric.value?.value ?? 0n,
    timestampMs: metric.timestamp === 0n ? undefined : metric.timestamp / 1_000_000n,
  };
}

/**
 * Prometheus' text format (https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format).
 */
export function prometheusText(metrics: readonly LabelledMetric[]): string {
  const lines = metrics.flatMap((metric, index) => {
    const { name, help, type, labels, value, timestampMs } = metric;
    const head =
      metrics[index - 1]?.name === name ? [] : [`# HELP ${name} ${escaped(help)}`, `# TYPE ${name} ${type}`];
    const time = timestampMs === undefined ? "" : ` ${timestampMs}`;
    return [...head, `${name}{${labelText(labels)}} ${value}${time}`];
  });
  return lines.map((line) => `${line}\n`).join("");
}

export function labelText(labels: LabelledMetric["labels"]): string {
  return Object.entries(labels)
    .map(([key, value]) => `${key}="${escaped(value).replaceAll('"', '\\"')}"`)
    .join(",");
}

function escaped(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
}
