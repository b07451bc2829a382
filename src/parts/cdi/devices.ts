import { CdiError, namesInAnnotations, parseDeviceName } from "./names.ts";
import type { CdiSpec, ContainerEdits } from "./spec.ts";
import { type SpecFile, SpecFiles } from "./spec-files.ts";

/**
 * The devices that the specs of directories describe, as they are at each call: the directories are looked at
 * anew, and what has changed in them is read. A later directory goes before an earlier one.
 */
export class CdiDevices {
  readonly #directories: readonly string[];
  readonly #files = new SpecFiles();

  constructor(directories: readonly string[]) {
    this.#directories = directories;
  }

  /**
   * The edits for the devices that a container asks for by `names` and by its `annotations`, in the order in
   * which they are to be made; each device once, and before the first of a spec the spec's own. Nothing is
   * read when there are none. Throws CdiError: InvalidArgument for what is no device's name,
   * FailedPrecondition for a device that is not described, or by two files of one directory.
   */
  async edits(
    names: readonly string[],
    annotations: Readonly<Record<string, string>>,
  ): Promise<readonly ContainerEdits[]> {
    const wanted = [...new Set([...names, ...namesInAnnotations(annotations)])];
    if (wanted.length === 0) return [];
    const parsed = wanted.map((name) => ({ name, ...parseDeviceName(name) }));
    const directories = await this.#files.read(this.#directories);
    const used = new Set<CdiSpec>();
    return parsed.flatMap(({ name, kind, device }) => {
      const { spec, edits } = find(name, kind, device, directories);
      const first = used.has(spec) ? [] : [spec.edits];
      used.add(spec);
      return [...first, edits];
    });
  }
}

function find(
  name: string,
  kind: string,
  device: string,
  directories: readonly (readonly SpecFile[])[],
): { readonly spec: CdiSpec; readonly edits: ContainerEdits } {
  for (const files of directories.toReversed()) {
    const found = files.flatMap((one) => {
      const edits = "spec" in one && one.spec.kind === kind ? one.spec.devices.get(device) : undefined;
      return "spec" in one && edits !== undefined ? [{ file: one.file, spec: one.spec, edits }] : [];
    });
    const [only, other] = found;
    if (only !== undefined && other === undefined) return only;
    if (only !== undefined) {
      const described = found.map(({ file }) => file).join(" and ");
      throw new CdiError("FailedPrecondition", `CDI device ${name} is defined twice, by ${described}`);
    }
  }
  const problems = directories.flat().flatMap((one) => ("problem" in one ? [one.problem] : []));
  const ignored = problems.length === 0 ? "" : `; invalid files: ${problems.join("; ")}`;
  throw new CdiError("FailedPrecondition", `CDI device ${name} is not defined by any spec${ignored}`);
}
