import type {
  ContainerStats,
  FileSystemStats,
  InterfaceStats,
  UsagePart,
} from "../../../engines/engine/index.ts";

/** Metrics that are switched on together. */
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

/** All metrics of one name. `Subject` is what they are made of. */
export type Family<Subject> = {
  /** cAdvisor's (https://github.com/google/cadvisor/blob/master/docs/storage/prometheus.md). */
  readonly name: string;
  readonly help: string;
  readonly type: "counter" | "gauge";
  /** Labels besides those that say whose it is. */
  readonly labels: readonly string[];
  /** None where the figure is not known. */
  readonly values: (subject: Subject) => readonly MetricValue[];
};

export type MetricValue = {
  /** Of the family's own labels, in their order. */
  readonly labels: readonly string[];
  /** Without what is behind the point. */
  readonly value: bigint;
  /** With it, for a figure that need not be whole. */
  readonly doubleValue?: number;
  /** When it was collected, for a figure that is not of the moment. */
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

/** A metric, or none for a figure that is not known. */
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
