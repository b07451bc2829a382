import assert from "node:assert/strict";
import { test } from "node:test";
import { criMessages } from "../../testing/cri-fields.ts";
import { readProjectFile, testExists } from "../../testing/docs.ts";

/** The fields of each message, and the RPCs, in the words of the protocol. */
async function protocol() {
  const text = (await readProjectFile("proto/runtime/v1/api.proto")).replaceAll(/\/\/.*/g, "");
  const rpcs = [...text.matchAll(/\brpc\s+(\w+)/g)].map(([, name]) => name);
  const fields = [...(await criMessages())].flatMap(([message, all]) =>
    all.map(({ name }) => `${message}.${name}`),
  );
  return { rpcs, fields };
}

/** The rows of docs/cri.md: the names in the first cell, and the tests in the last. */
async function documented() {
  const text = await readProjectFile("docs/cri.md");
  return text.split(/^#{2,3} /m).flatMap((section) => {
    const [heading = "", ...lines] = section.split("\n");
    const rows = lines.filter((line) => line.startsWith("| `"));
    return rows.map((line) => {
      const [, names = "", effect = "", shownBy = ""] = line.split("|").map((cell) => cell.trim());
      return { heading, names: [...names.matchAll(/`(\w+)`/g)].map(([, name]) => name), effect, shownBy };
    });
  });
}

test("docs/cri.md has each RPC and each field of each message once, and no others", async () => {
  const { rpcs, fields } = await protocol();
  assert.deepEqual([rpcs.length, fields.length > 450], [46, true]);
  const rows = await documented();
  const named = rows.flatMap(({ heading, names }) =>
    names.map((name) => (heading === "RPCs" ? `rpc ${name}` : `${heading}.${name}`)),
  );
  assert.deepEqual(named.toSorted(), [...rpcs.map((name) => `rpc ${name}`), ...fields].toSorted());
  assert.deepEqual(
    rows.filter(({ effect }) => effect === ""),
    [],
  );
});

test("docs/cri.md names tests that exist, for all but what is Windows' alone", async () => {
  const specs = await readProjectFile("test/conformance/passed.crun.txt");
  const has = async ({ effect, shownBy }: { readonly effect: string; readonly shownBy: string }) => {
    if (shownBy === "") return effect.startsWith("Windows only");
    const [, file = "", title = ""] = /^([\w.-]+): (.+)$/.exec(shownBy) ?? [];
    return file === "critest" ? specs.includes(title) : testExists(file, title);
  };
  const rows = await documented();
  const without = await Array.fromAsync(rows, async (row) => ((await has(row)) ? [] : [row]));
  assert.deepEqual(without.flat(), []);
});
