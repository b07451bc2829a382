/** Specs of critest that cannot pass, each with its reason. */

type Engine = "native" | "docker";

const exceptions: Readonly<Record<Engine | "any", Readonly<Record<string, string>>>> = {
  any: {
    "Image Manager: public image with digest should be pulled and removed [Conformance]":
      "wants the bytes of one public image, which a stand-in cannot have",
  },
  native: {},
  docker: {
    ...sameReason("Docker has recursive read-only mounts from Engine 25.0 on", "Container Mount Readonly: ", [
      "runtime should support readonly mounts should support recursive readonly mounts",
      "runtime should support readonly mounts should reject a recursive readonly mount with PROPAGATION_HOST_TO_CONTAINER",
      "runtime should support readonly mounts should reject a recursive readonly mount with PROPAGATION_BIDIRECTIONAL",
      "runtime should support readonly mounts should reject a recursive readonly mount with ReadOnly: false",
    ]),
    ...sameReason(
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
    ),
  },
};

/** Why this spec cannot pass with this engine, or undefined. */
export function exceptionOf(key: string, engine: Engine): string | undefined {
  return exceptions.any[key] ?? exceptions[engine][key];
}

function sameReason(
  reason: string,
  beginning: string,
  endings: readonly string[],
): Readonly<Record<string, string>> {
  return Object.fromEntries(endings.map((ending) => [`${beginning}${ending}`, reason]));
}
