/** docs/pod-fields.md says of each field of Kubernetes' PodSpec what it does here, and is believed. */
import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import { parseAllDocuments } from "yaml";
import { isRecord } from "../../ground/json/index.ts";
import { readProjectFile, readTests } from "../../testing/docs.ts";
import { ManifestError } from "./problems.ts";
import { readManifests } from "./read-manifests.ts";
import { clusterVolumes, documentedFields, type FieldRow } from "./testing/documented-fields.ts";
import { type FieldTypes, fieldAt, fieldsIn, readKubernetesFields } from "./testing/kubernetes-fields.ts";

describe("docs/pod-fields.md", () => {
  let types: FieldTypes;
  let rows: ReadonlyMap<string, FieldRow>;
  let manifest: string;

  before(async () => {
    types = await readKubernetesFields();
    rows = await documentedFields();
    manifest = await readProjectFile("src/clients/manifests/testing/every-field.yaml");
  });

  /** All fields that say something: what is below one without effect has none either. */
  const fields = () => {
    const found = new Set<string>();
    const add = (type: string) => {
      for (const [name, below] of Object.entries(types[type] ?? {})) {
        const field = `${type}.${name}`;
        if (found.has(field)) continue;
        found.add(field);
        if (rows.get(field)?.kind === "effect") add(below.replace(/^(?:\[\]|map\[string\])+/, ""));
      }
    };
    add("PodSpec");
    return found;
  };

  it("has a row for every field, and for no other", () => {
    assert.deepEqual([...rows.keys()].sort(), [...fields()].sort());
  });

  it("names for every field that does something a test that exists", async () => {
    const shown = [...rows.values()].filter(({ kind }) => kind === "effect");
    const testExists = await readTests();
    const missing = shown.filter(({ file, title }) => !testExists(file, title));
    assert.deepEqual(missing, []);
  });

  it("says of exactly those fields that they have no effect which are warned of", () => {
    const { warnings } = readManifests([{ file: "every-field.yaml", text: manifest }]);
    const documents = parseAllDocuments(manifest).map((document) => document.toJS());
    const warned = new Set<string>();
    for (const { document, field, message } of warnings) {
      if (!message.startsWith("has no effect here")) continue;
      const found = fieldAt(types, documents[document - 1].spec, field.slice("spec.".length));
      assert.ok(found !== undefined, `${field} is a field of the list`);
      warned.add(found);
    }
    const said = [...rows].filter(([, { kind }]) => kind === "no effect").map(([field]) => field);
    assert.deepEqual([...warned].sort(), said.sort());
  });

  it("is checked with pods that have every field which is not refused", () => {
    const given = new Set<string>();
    for (const document of parseAllDocuments(manifest)) {
      const { spec } = document.toJS();
      assert.ok(isRecord(spec));
      for (const field of fieldsIn(types, spec)) given.add(field);
    }
    const missing = [...rows].flatMap(([field, { kind }]) =>
      kind === "refused" || given.has(field) ? [] : [field],
    );
    assert.deepEqual(missing, []);
  });

  it("says of exactly those sources of volumes that they are refused which are", () => {
    const said = [...rows].flatMap(([field, { kind }]) => (kind === "refused" ? [field] : []));
    const refused = (pod: object) => {
      try {
        readManifests([{ file: "pod.yaml", text: JSON.stringify(pod) }]);
        return false;
      } catch (error) {
        assert.ok(error instanceof ManifestError);
        return true;
      }
    };
    assert.deepEqual(
      said.filter((field) => !clusterVolumes(field).every(refused)),
      [],
    );
  });
});
