import assert from "node:assert/strict";
import { test } from "node:test";
import { type CriField, criMessages } from "../../testing/cri-fields.ts";
import { readProjectFile, readTests } from "../../testing/docs.ts";

/** The fields of each message, and the RPCs, in the words of the protocol. */
async function protocol() {
  const text = (await readProjectFile("proto/runtime/v1/api.proto")).replaceAll(/\/\/.*/g, "");
  const rpcs = [...text.matchAll(/\brpc\s+(\w+)/g)].map(([, name]) => name);
  const fields = [...(await criMessages())].flatMap(([message, all]) =>
    all.map(({ name }) => `${message}.${name}`),
  );
  return { rpcs, fields };
}

/** The rows of docs/cri.md: what they describe, in their first cell, and the test in the last. */
async function documented() {
  const text = await readProjectFile("docs/cri.md");
  const messages = await criMessages();
  return text.split(/^#{2,3} /m).flatMap((section) => {
    const [heading = "", ...lines] = section.split("\n");
    const rows = lines.filter((line) => line.startsWith("| `"));
    return rows.map((line) => {
      const [, cell = "", effect = "", shownBy = ""] = line.split("|").map((each) => each.trim());
      const names = [...cell.matchAll(/`([\w.]+)`/g)].map(([, name = ""]) => name);
      return { subjects: subjectsOf(heading, names, messages), effect, shownBy };
    });
  });
}

/**
 * `Message.field` of the names in a row's first cell, or `rpc Name`. A name without a message belongs to that
 * of the name before it, or else of the heading; the name of a message stands for all its fields.
 */
function subjectsOf(
  heading: string,
  names: readonly string[],
  messages: ReadonlyMap<string, readonly CriField[]>,
): readonly string[] {
  let message = heading;
  return names.flatMap((name) => {
    if (heading === "RPCs") return [`rpc ${name}`];
    const fields = messages.get(name);
    if (fields !== undefined) return fields.map((field) => `${name}.${field.name}`);
    const [first = "", field] = name.split(".");
    if (field !== undefined) message = first;
    return [`${message}.${field ?? first}`];
  });
}

test("docs/cri.md has each RPC and each field of each message once, and no others", async () => {
  const { rpcs, fields } = await protocol();
  assert.deepEqual([rpcs.length, fields.length > 450], [46, true]);
  const rows = await documented();
  const named = rows.flatMap(({ subjects }) => subjects);
  assert.deepEqual(named.toSorted(), [...rpcs.map((name) => `rpc ${name}`), ...fields].toSorted());
  assert.deepEqual(
    rows.filter(({ effect }) => effect === ""),
    [],
  );
});

test("docs/cri.md names existing tests, except for what is only for Windows", async () => {
  const specs = await readProjectFile("test/conformance/passed.crun.txt");
  const testExists = await readTests();
  const without = (await documented()).filter(({ effect, shownBy }) => {
    if (shownBy === "") return !effect.startsWith("Windows only");
    const [, file = "", title = ""] = /^([\w.-]+): (.+)$/.exec(shownBy) ?? [];
    return !(file === "critest" ? specs.includes(title) : testExists(file, title));
  });
  assert.deepEqual(without, []);
});
