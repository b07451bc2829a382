import { KeyValue } from "../../ground/protocol/index.ts";
import type { ContainerRequest } from "./container-request.ts";
import { expand } from "./expansion.ts";

/** The variables of a container, each expanded by those before it. */
export async function environment({ container }: ContainerRequest): Promise<readonly KeyValue[]> {
  const variables: KeyValue[] = [];
  for (const { name, value = "" } of container.env ?? [])
    variables.push(KeyValue.fromPartial({ key: name, value: Buffer.from(expand(value, variables)) }));
  return variables;
}
