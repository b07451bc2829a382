import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ManifestError } from "./problems.ts";
import { readManifests } from "./read-manifests.ts";

const container = { name: "main", image: "busybox" };

/** What is said about a pod of this specification, as `field: message`. */
function saidOf(spec: object): readonly string[] {
  const pod = { apiVersion: "v1", kind: "Pod", metadata: { name: "web" }, spec };
  return said(JSON.stringify(pod));
}

function said(text: string): readonly string[] {
  const written = ({ field, message }: { readonly field: string; readonly message: string }) =>
    `${field}: ${message}`;
  try {
    return readManifests([{ file: "web.yaml", text }]).warnings.map(written);
  } catch (error) {
    assert.ok(error instanceof ManifestError);
    return error.problems.map(written);
  }
}

describe("fields of pods", () => {
  it("that have no effect are warned of", () => {
    const warnings = saidOf({
      volumes: [{ name: "files", image: { reference: "files", pullPolicy: "Always" } }],
      containers: [
        {
          ...container,
          resources: { limits: { cpu: 1, memory: "1Gi", "hugepages-2Mi": "2Mi", "example.com/gpu": 1 } },
        },
      ],
    });
    assert.deepEqual(
      warnings.map((warning) => warning.slice(0, warning.indexOf(": "))),
      ["spec.volumes[0].image.pullPolicy", 'spec.containers[0].resources.limits["example.com/gpu"]'],
    );
  });

  it("let mounts come to the machine from privileged containers alone", () => {
    const volumes = [{ name: "work", emptyDir: {} }];
    const volumeMounts = [{ name: "work", mountPath: "/work", mountPropagation: "Bidirectional" }];
    assert.deepEqual(saidOf({ volumes, containers: [{ ...container, volumeMounts }] }), [
      "spec.containers[0].volumeMounts[0].mountPropagation: Bidirectional needs a privileged container",
    ]);
    const securityContext = { privileged: true };
    assert.deepEqual(saidOf({ volumes, containers: [{ ...container, volumeMounts, securityContext }] }), []);
  });
});

describe("objects", () => {
  it("have no keys and names that lead out of a directory", () => {
    const outside = "../../escape";
    const object = (kind: string, more: object) =>
      JSON.stringify({ apiVersion: "v1", kind, metadata: { name: "object" }, ...more });
    assert.match(said(object("ConfigMap", { data: { [outside]: "x" } })).join(), /is no key/);
    assert.match(said(object("Secret", { stringData: { "..": "x" } })).join(), /is no key/);
    assert.deepEqual(said(object("ConfigMap", { data: { ".env_A-1": "x" } })), []);
    const generated = { apiVersion: "v1", kind: "ConfigMap", metadata: { generateName: `${outside}-` } };
    assert.match(said(JSON.stringify(generated)).join(), /generateName: .* is not how a name can begin/);
    generated.metadata.generateName = "web-";
    assert.deepEqual(said(JSON.stringify(generated)), []);
  });

  it("show none of a text that cannot be read in its error: it may be secret", () => {
    for (const value of ["*hunter2", "|hunter2\n    x", "x\n]hunter2"]) {
      const errors = said(`kind: Secret\nstringData:\n  password: ${value}\n`);
      assert.ok(errors.length > 0);
      assert.doesNotMatch(errors.join(), /hunter2/);
    }
  });
});
