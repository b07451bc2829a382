/** Specs of critest that cannot pass, each with its reason. */

/** "docker" is Docker Engine 20.10, "docker-newer" one from 25 on. */
export type Subject = "native" | "docker" | "docker-newer";

const ofAnyDocker = sameReason(
  "Docker has one user namespace for all containers, none for each pod",
  "Security Context: UserNamespaces when Host idmap mount support ",
  [
    "is needed runtime should support NamespaceMode_POD",
    "is not needed runtime should support NamespaceMode_NODE",
    "is not needed runtime should fail if more than one mapping provided",
    "is not needed runtime should fail if container ID 0 is not mapped",
    "is not needed runtime should fail with NamespaceMode_CONTAINER",
    "is not needed runtime should fail with NamespaceMode_TARGET",
  ],
);

const exceptions: Readonly<Record<Subject | "any", Readonly<Record<string, string>>>> = {
  any: {
    "Image Manager: public image with digest should be pulled and removed [Conformance]":
      "wants the bytes of one public image, which a stand-in cannot have",
  },
  native: {},
  docker: {
    ...ofAnyDocker,
    ...sameReason("Docker has recursive read-only mounts from Engine 25.0 on", "Container Mount Readonly: ", [
      "runtime should support readonly mounts should support recursive readonly mounts",
      "runtime should support readonly mounts should reject a recursive readonly mount with PROPAGATION_HOST_TO_CONTAINER",
      "runtime should support readonly mounts should reject a recursive readonly mount with PROPAGATION_BIDIRECTIONAL",
      "runtime should support readonly mounts should reject a recursive readonly mount with ReadOnly: false",
    ]),
  },
  "docker-newer": ofAnyDocker,
};

/** Why this spec cannot pass there; undefined if it can. */
export function exceptionOf(key: string, subject: Subject): string | undefined {
  return exceptions.any[key] ?? exceptions[subject][key];
}

function sameReason(
  reason: string,
  beginning: string,
  endings: readonly string[],
): Readonly<Record<string, string>> {
  return Object.fromEntries(endings.map((ending) => [`${beginning}${ending}`, reason]));
}
