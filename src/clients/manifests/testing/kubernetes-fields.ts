import { isRecord } from "../../../ground/json/index.ts";
import { readProjectFile } from "../../../testing/docs.ts";

/** The fields of each type, with their types such as `[]Container` or `map[string]string`. */
export type FieldTypes = Readonly<Record<string, Readonly<Record<string, string>>>>;

/** The fields of Kubernetes' PodSpec, as `scripts/pod-fields.ts` has written them. */
export async function readKubernetesFields(): Promise<FieldTypes> {
  const text = await readProjectFile("src/clients/manifests/testing/kubernetes-fields.json");
  const { types }: { types: FieldTypes } = JSON.parse(text);
  return types;
}

/** The fields that are set in a pod's specification, as in `Container.image`. */
export function fieldsIn(types: FieldTypes, spec: unknown): readonly string[] {
  return within(types, "PodSpec", spec).map(({ field }) => field);
}

/** The field at a path such as `containers[0].image`; for a key of a map, that of the map. */
export function fieldAt(types: FieldTypes, spec: unknown, path: string): string | undefined {
  const fits = (one: string) => path === one || path.startsWith(`${one}[`) || path.startsWith(`${one}.`);
  const found = within(types, "PodSpec", spec).filter(({ path: one }) => fits(one));
  return found.sort((one, other) => other.path.length - one.path.length)[0]?.field;
}

type Found = { readonly field: string; readonly path: string };

function within(types: FieldTypes, type: string, value: unknown, at = ""): readonly Found[] {
  if (type.startsWith("[]") && Array.isArray(value))
    return value.flatMap((item, index) => within(types, type.slice("[]".length), item, `${at}[${index}]`));
  if (!isRecord(value)) return [];
  return Object.entries(types[type] ?? {}).flatMap(([name, below]) => {
    if (!(name in value)) return [];
    const path = at === "" ? name : `${at}.${name}`;
    return [{ field: `${type}.${name}`, path }, ...within(types, below, value[name], path)];
  });
}
