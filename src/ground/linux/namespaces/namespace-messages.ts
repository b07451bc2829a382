import type { ErrorCode } from "../../errors/index.ts";
import { LinuxError } from "../linux-error.ts";
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
  | { readonly failure: NamespaceFailure }
);

/** A LinuxError on its way between threads, where classes are lost. */
export type NamespaceFailure = {
  readonly syscall: string;
  readonly errno: string;
  readonly subject: string;
  readonly code: ErrorCode;
};

/** Of whatever was thrown in the thread; node:fs names call, errno and path as well. */
export function failureOf(error: unknown): NamespaceFailure {
  if (error instanceof LinuxError) {
    const { syscall, errno, subject, code } = error;
    return { syscall, errno, subject, code };
  }
  const { syscall = "namespaces", code = "EIO", path = String(error) } = error as NodeJS.ErrnoException;
  return failureOf(new LinuxError(syscall, code, path));
}

/** The other way round. */
export function errorOf({ syscall, errno, subject, code }: NamespaceFailure): LinuxError {
  return new LinuxError(syscall, errno, subject, { code });
}
