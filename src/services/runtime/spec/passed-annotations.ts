import { pathMatches } from "./path-matches.ts";

/** Which annotations of pods and containers a runtime handler passes on to its OCI runtime. */
export type AnnotationRules = {
  /** Patterns for a pod's annotations, which its containers and its pause process get (containerd's key). */
  readonly podAnnotations: readonly string[];
  /** Patterns for a container's own annotations (containerd's key). */
  readonly containerAnnotations: readonly string[];
  /** Prefixes of the names of both kinds (CRI-O's key). */
  readonly allowedAnnotations: readonly string[];
};

export const passNone: AnnotationRules = {
  podAnnotations: [],
  containerAnnotations: [],
  allowedAnnotations: [],
};

type Annotations = Readonly<Record<string, string>>;

/** The pod's annotations that are passed on. */
export function passedOfPod(annotations: Annotations, rules: AnnotationRules): Annotations {
  return passed(annotations, rules.podAnnotations, rules.allowedAnnotations);
}

/** The container's own annotations that are passed on. */
export function passedOfContainer(annotations: Annotations, rules: AnnotationRules): Annotations {
  return passed(annotations, rules.containerAnnotations, rules.allowedAnnotations);
}

function passed(
  annotations: Annotations,
  patterns: readonly string[],
  beginnings: readonly string[],
): Annotations {
  const isPassed = (name: string) =>
    patterns.some((pattern) => pathMatches(pattern, name)) ||
    beginnings.some((beginning) => name.startsWith(beginning));
  return Object.fromEntries(Object.entries(annotations).filter(([name]) => isPassed(name)));
}
