import { type Entry, type Keys, tomlName } from "./keys.ts";
import { schema } from "./schema.ts";

const widthOfDoc = 100;

/** A configuration file with every key at its default, and what it means above it. */
export function renderDefaultConfig(): string {
  const head =
    "# berthd's configuration. Every key is shown with its default, which also applies if the key is left out.\n";
  return `${head}\n${renderKeys(schema.keys, "").join("\n")}`;
}

/** Keys first, then the sections: in TOML a key belongs to the heading above it. */
function renderKeys(keys: Keys, path: string): readonly string[] {
  const entries = Object.entries(keys).map(([property, entry]) => ({
    entry,
    name: tomlName(property, entry),
  }));
  const plain = entries.filter(({ entry }) => entry.kind === "key");
  const nested = entries.filter(({ entry }) => entry.kind !== "key");
  return [...plain, ...nested].flatMap(({ entry, name }) => renderEntry(entry, name, path));
}

function renderEntry(entry: Entry, name: string, path: string): readonly string[] {
  const inner = path === "" ? name : `${path}.${name}`;
  switch (entry.kind) {
    case "key":
      return [...comment(entry.doc), `${name} = ${entry.text}`, ""];
    case "section":
      return [...comment(entry.doc), `[${inner}]`, "", ...renderKeys(entry.keys, inner)];
    case "table": {
      const example = renderKeys(entry.keys, `${inner}.${entry.example}`).map((line) =>
        line === "" ? "#" : `# ${line}`,
      );
      return [...comment(entry.doc), `# [${inner}.${entry.example}]`, ...example, ""];
    }
  }
}

function comment(text: string): readonly string[] {
  const lines = [""];
  for (const word of text.split(" ")) {
    const last = lines.length - 1;
    const longer = `${lines[last]} ${word}`.trim();
    if (longer.length > widthOfDoc) lines.push(word);
    else lines[last] = longer;
  }
  return lines.map((line) => `# ${line}`);
}
