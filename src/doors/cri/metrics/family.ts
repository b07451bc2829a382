import type {
  ContainerStats,
  FileSystemStats,
  InterfaceStats,
  UsagePart,
} from "../../../engines/engine/index.ts";

/** Metrics that are enabled together. */
export type MetricGroup =
  | "cpu"
  | "memory"
  | "oom"
  | "disk"
  | "disk_io"
  | "network"
  | "process"
  | "tasks"
  | "spec"
  | "pressure"
  | "hugetlb";

/** All metrics with one name. `Subject` is what they are computed from. */
export type Family<Subject> = {
  /** cAdvisor's (https://github.com/google/cadvisor/blob/master/docs/storage/prometheus.md). */
  readonly name: string;
  readonly help: string;
  readonly type: "counter" | "gauge";
  /** Labels in addition to those that identify the container or pod. */
  readonly labels: readonly string[];
  /** Empty if the figure is unknown. */
  readonly values: (subject: Subject) => readonly MetricValue[];
};

export type MetricValue = {
  /** Values of the family's own labels, in order. */
  readonly labels: readonly string[];
  /** The integer part. */
  readonly value: bigint;
  /** The exact value, if it may be fractional. */
  readonly doubleValue?: number;
  /** When it was collected, for cached figures. */
  readonly takenAtNs?: bigint | undefined;
};

export type ContainerSubject = { readonly stats: ContainerStats; readonly fileSystem: FileSystemStats };

export type FamilyGroup<Subject> = {
  readonly group: MetricGroup;
  /** What the engine must read for it. */
  readonly parts: readonly UsagePart[];
  readonly families: readonly Family<Subject>[];
};

export type ContainerGroup = FamilyGroup<ContainerSubject>;
export type InterfaceGroup = FamilyGroup<InterfaceStats>;

/** A whole number, or a time in seconds. */
export type Figure = bigint | number | Seconds | undefined;

type Seconds = { readonly ns: bigint };

/** A family with at most one metric for each subject. */
export function one<Subject>(
  name: string,
  type: Family<Subject>["type"],
  help: string,
  figure: (subject: Subject) => Figure,
): Family<Subject> {
  return { name, type, help, labels: [], values: (subject) => value([], figure(subject)) };
}

/** A metric, or none if the figure is unknown. */
export function value(labels: readonly string[], figure: Figure): readonly MetricValue[] {
  if (figure === undefined) return [];
  if (typeof figure !== "object") return [{ labels, value: BigInt(figure) }];
  return [{ labels, value: figure.ns / 1_000_000_000n, doubleValue: Number(figure.ns) / 1e9 }];
}

export function secondsOfNs(ns: bigint): Seconds;
export function secondsOfNs(ns: bigint | undefined): Seconds | undefined;
export function secondsOfNs(ns: bigint | undefined): Seconds | undefined {
  return ns === undefined ? undefined : { ns };
}
