import { pathMatches } from "./path-matches.ts";

/** Which annotations of pods and containers a runtime handler passes on to its OCI runtime. */
export type AnnotationRules = {
  /** Patterns of a pod's annotations, for its containers and its pause process (containerd's key). */
  readonly podAnnotations: readonly string[];
  /** Patterns of a container's own (containerd's key). */
  readonly containerAnnotations: readonly string[];
  /** Beginnings of both kinds' names (CRI-O's key). */
  readonly allowedAnnotations: readonly string[];
};

export const passNone: AnnotationRules = {
  podAnnotations: [],
  containerAnnotations: [],
  allowedAnnotations: [],
};

type Annotations = Readonly<Record<string, string>>;

/** A pod's annotations that are passed on. */
export function passedOfPod(annotations: Annotations, rules: AnnotationRules): Annotations {
  return passed(annotations, rules.podAnnotations, rules.allowedAnnotations);
}

/** A container's own that are passed on. */
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
