/**
 * Writes the list of the fields of Kubernetes' PodSpec, with all types below it, from the OpenAPI of
 * k8s.io/kubernetes at the version of test/kubelet/go.mod. Needs Go. docs/pod-fields.md is checked against
 * the list.
 */
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const list = "src/clients/manifests/testing/kubernetes-fields.json";
const kubernetes = "k8s.io/kubernetes";
const root = "io.k8s.api.core.v1.PodSpec";

type Property = {
  readonly type?: string;
  readonly $ref?: string;
  readonly items?: Property;
  readonly additionalProperties?: Property;
};
type Definitions = Readonly<Record<string, { readonly properties?: Readonly<Record<string, Property>> }>>;

const go = (...words: readonly string[]) =>
  execFileSync("go", words, { cwd: "test/kubelet", encoding: "utf8" });
const version = go("list", "-m", "-f", "{{.Version}}", kubernetes).trim();
const { Dir: directory } = JSON.parse(go("mod", "download", "-json", `${kubernetes}@${version}`));
const openApi = "api/openapi-spec/swagger.json";
const { definitions }: { definitions: Definitions } = JSON.parse(
  readFileSync(join(directory, openApi), "utf8"),
);

const types: Record<string, Record<string, string>> = {};
const queue = [root];
for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
  const properties = definitions[name]?.properties;
  if (properties === undefined || shortName(name) in types) continue;
  const fields = Object.entries(properties).sort(([one], [other]) => (one < other ? -1 : 1));
  types[shortName(name)] = Object.fromEntries(fields.map(([field, property]) => [field, written(property)]));
}
writeFileSync(list, JSON.stringify({ source: `${kubernetes} ${version}, ${openApi}`, types }));
execFileSync("node_modules/.bin/biome", ["format", "--write", list], { stdio: "inherit" });

/** `string`, `Probe`, `[]Container`, `map[string]Quantity`; types that occur are expanded later. */
function written({ type, $ref, items, additionalProperties }: Property): string {
  if (items !== undefined) return `[]${written(items)}`;
  if (additionalProperties !== undefined) return `map[string]${written(additionalProperties)}`;
  if ($ref === undefined) return type ?? "object";
  const name = $ref.slice("#/definitions/".length);
  queue.push(name);
  return shortName(name);
}

function shortName(name: string): string {
  return name.slice(name.lastIndexOf(".") + 1);
}
