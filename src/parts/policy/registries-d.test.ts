import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { tempDir } from "../../testing/temp-dir.ts";
import { parseReference } from "../oci/index.ts";
import { RegistriesD } from "./registries-d.ts";

async function storageOf(yaml: string, image: string) {
  await using directory = await tempDir();
  await writeFile(join(directory.path, "a.yaml"), yaml);
  return (await RegistriesD.read(directory.path)).storageOf(parseReference(image));
}

const nested = `
default-docker:
  lookaside: file:///default
docker:
  registry.example:
    use-sigstore-attachments: true
  registry.example/team:
    lookaside: https://team.example/
  registry.example/team/open:
    use-sigstore-attachments: false
`;

test("where signatures are, each key is said by the most specific section that has it", async () => {
  assert.deepEqual(await storageOf(nested, "other.example/app:1"), {
    lookaside: "file:///default",
    sigstoreAttachments: false,
  });
  assert.deepEqual(await storageOf(nested, "registry.example/app:1"), {
    lookaside: "file:///default",
    sigstoreAttachments: true,
  });
  assert.deepEqual(await storageOf(nested, "registry.example/team/app:1"), {
    lookaside: "https://team.example",
    sigstoreAttachments: true,
  });
  assert.deepEqual(await storageOf(nested, "registry.example/team/open/app:1"), {
    lookaside: "https://team.example",
    sigstoreAttachments: false,
  });
});

test("files that say only where to write signatures leave them to be read where they are by default", async () => {
  const yaml = "default-docker:\n  lookaside-staging: file:///staging\n";
  assert.deepEqual(await storageOf(yaml, "registry.example/app:1"), {
    lookaside: "file:///var/lib/containers/sigstore",
    sigstoreAttachments: false,
  });
});

test("signatures are stored where the most specific scope of registries.d says, of all its files", async () => {
  await using directory = await tempDir();
  const write = (name: string, text: string) => writeFile(join(directory.path, name), text);
  assert.deepEqual(
    (await RegistriesD.read(join(directory.path, "none"))).storageOf(parseReference("a.b/c")),
    {
      lookaside: "file:///var/lib/containers/sigstore",
      sigstoreAttachments: false,
    },
  );
  await write("default.yaml", "# nothing\n");
  await write("a.yaml", "default-docker:\n  sigstore: https://old.example/\ndocker:\n  a.b: {}\n");
  await write(
    "b.yaml",
    "docker:\n  a.b/c:\n    lookaside: https://c.example\n    use-sigstore-attachments: true\n",
  );
  await write("ignored.yml", "no: yaml\n");
  const storageOf = async (name: string) =>
    (await RegistriesD.read(directory.path)).storageOf(parseReference(name));
  assert.deepEqual(await storageOf("a.b/c"), { lookaside: "https://c.example", sigstoreAttachments: true });
  for (const name of ["a.b/d", "x.y/z"])
    assert.deepEqual(await storageOf(name), {
      lookaside: "https://old.example",
      sigstoreAttachments: false,
    });
  await write("c.yaml", "docker:\n  a.b/c: {}\n");
  await assert.rejects(storageOf("a.b/c"), {
    code: "FailedPrecondition",
    message: /c\.yaml: docker\.a\.b\/c is in/,
  });
  await write("c.yaml", "docker:\n  a.b/e:\n    lookaside: /var/lib\n");
  await assert.rejects(storageOf("a.b/c"), { message: /expected a URL of https, http or file/ });
});
