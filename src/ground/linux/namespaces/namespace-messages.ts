import type { SentError } from "../../threads/index.ts";
import type { InterfaceCounters } from "../network-counters.ts";
import type { PodNamespaces, PodNamespacesJob, PodNamespacesRequest } from "./pod-namespaces.ts";

/** What the namespace thread can be asked for, and what it answers. */
export type NamespaceJobs = {
  readonly createPodNamespaces: { readonly request: PodNamespacesJob; readonly result: PodNamespaces };
  readonly resetPodNamespaces: { readonly request: PodNamespacesRequest; readonly result: undefined };
  readonly readNetworkCounters: {
    readonly request: readonly string[];
    readonly result: readonly (readonly InterfaceCounters[] | undefined)[];
  };
};

export type NamespaceJob = keyof NamespaceJobs;

export type NamespaceCall = {
  [Job in NamespaceJob]: {
    readonly id: number;
    readonly job: Job;
    readonly request: NamespaceJobs[Job]["request"];
  };
}[NamespaceJob];

export type NamespaceAnswer = { readonly id: number } & (
  | { readonly result: NamespaceJobs[NamespaceJob]["result"] }
  | { readonly error: SentError }
);
