import type { IDMapping } from "../../../ground/protocol/index.ts";
import { all, type Check, each, refuse } from "./check.ts";

/** The kernel's limit (user_namespaces(7)). */
const maxMappings = 340;
/** The kernel's largest id but one: the largest means "leave as it is". */
const maxId = 0xffff_fffe;

const idMapping: Check<IDMapping> = ({ containerId, hostId, length }, path) => {
  if (length < 1) refuse(`${path}.length`, `must be at least 1, is ${length}`);
  for (const [name, first] of Object.entries({ container_id: containerId, host_id: hostId })) {
    if (first + length - 1 > maxId) {
      refuse(
        `${path}.length`,
        `must not exceed id ${maxId}, but ${name} ${first} with length ${length} does`,
      );
    }
  }
};

/** As the kernel requires: no overlaps, neither inside nor outside. */
export const idMappings: Check<readonly IDMapping[]> = all(each(idMapping), (mappings, path) => {
  if (mappings.length > maxMappings) {
    refuse(path, `must not have more than ${maxMappings} entries, has ${mappings.length}`);
  }
  refuseOverlap(mappings, ({ containerId }) => containerId, `${path}: container_id`);
  refuseOverlap(mappings, ({ hostId }) => hostId, `${path}: host_id`);
});

function refuseOverlap(
  mappings: readonly IDMapping[],
  firstOf: (mapping: IDMapping) => number,
  path: string,
): void {
  const sorted = mappings.toSorted((a, b) => firstOf(a) - firstOf(b));
  for (const [index, mapping] of sorted.entries()) {
    const next = sorted[index + 1];
    if (next !== undefined && firstOf(mapping) + mapping.length > firstOf(next)) {
      refuse(path, `${firstOf(next)} must be in one mapping only`);
    }
  }
}
