import { readProjectFile } from "../../../testing/docs.ts";

/** A row about a field in docs/pod-fields.md. */
export type FieldRow = {
  readonly kind: "effect" | "no effect" | "not yet" | "refused";
  /** The test that shows it. */
  readonly file: string;
  readonly title: string;
};

const kinds = [
  ["No effect", "no effect"],
  ["Not yet", "not yet"],
  ["Refused", "refused"],
] as const;

/** The rows of docs/pod-fields.md, by fields such as `Container.image`; a row may be about several. */
export async function documentedFields(): Promise<ReadonlyMap<string, FieldRow>> {
  const rows = new Map<string, FieldRow>();
  const sections = (await readProjectFile("docs/pod-fields.md")).split("\n## ").slice(1);
  for (const section of sections) {
    const [heading = "", ...lines] = section.split("\n");
    for (const line of lines.filter((one) => one.startsWith("| `"))) {
      const [, names = "", effect = "", shownBy = ""] = line.split("|").map((cell) => cell.trim());
      const [file = "", title = ""] = shownBy.split(/: (.*)/);
      const kind = kinds.find(([word]) => effect.startsWith(word))?.[1] ?? "effect";
      // Types with the same fields share a section.
      for (const type of heading.split(", "))
        for (const name of names.split(", ")) rows.set(`${type}.${name.slice(1, -1)}`, { kind, file, title });
    }
  }
  return rows;
}

/** Pods with a volume source that exists only in clusters. */
export function clusterVolumes(field: string): readonly object[] {
  const [type, name = ""] = field.split(".");
  const source = type === "Volume" ? { [name]: {} } : { projected: { sources: [{ [name]: {} }] } };
  const pod = (spec: object) => ({ apiVersion: "v1", kind: "Pod", metadata: { name: "refused" }, spec });
  return [
    pod({
      containers: [{ name: "main", image: "busybox" }],
      volumes: [{ name: "volume", ...source }],
    }),
  ];
}
