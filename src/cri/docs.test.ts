import assert from "node:assert/strict";
import { glob, readFile } from "node:fs/promises";
import { basename } from "node:path";
import { test } from "node:test";

const root = new URL("../../", import.meta.url).pathname;

/** The fields of each message, and the RPCs, in the words of the protocol. */
async function protocol() {
  const text = (await readFile(`${root}proto/runtime/v1/api.proto`, "utf8")).replaceAll(
    /\/\/.*|\benum \w+ \{[^}]*\}/g,
    "",
  );
  const rpcs = [...text.matchAll(/\brpc\s+(\w+)/g)].map(([, name]) => name);
  const fields = [...text.matchAll(/^message (\w+) \{((?:[^{}]|\{[^{}]*\})*)\}/gm)].flatMap(
    ([, message, body = ""]) =>
      [...body.matchAll(/\s(\w+)\s*=\s*\d+\s*(?:\[.*?\])?;/g)].map(([, field]) => `${message}.${field}`),
  );
  return { rpcs, fields };
}

/** The rows of docs/cri.md: the names in the first cell, and the tests in the last. */
async function documented() {
  const text = await readFile(`${root}docs/cri.md`, "utf8");
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
  assert.deepEqual([rpcs.length, fields.length > 450], [43, true]);
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
  const files = await Array.fromAsync(glob(["src/**/*.test.ts", "test/**/*.ts"], { cwd: root }));
  const specs = await readFile(`${root}test/conformance/passed.crun.txt`, "utf8");
  const has = async ({ effect, shownBy }: { readonly effect: string; readonly shownBy: string }) => {
    if (shownBy === "") return effect.startsWith("Windows only");
    const [, file, title = ""] = /^([\w.-]+): (.+)$/.exec(shownBy) ?? [];
    if (file === "critest") return specs.includes(title);
    const texts = files
      .filter((path) => basename(path) === file)
      .map((path) => readFile(root + path, "utf8"));
    return title !== "" && (await Promise.all(texts)).some((text) => isTitle(title, text));
  };
  const rows = await documented();
  const without = await Array.fromAsync(rows, async (row) => ((await has(row)) ? [] : [row]));
  assert.deepEqual(without.flat(), []);
});

/** The beginning of what a test is called; a title that is put together is quoted as the source has it. */
function isTitle(title: string, source: string): boolean {
  return ['"', "`"].some((quote) => new RegExp(`\\(\\s*${quote}${RegExp.escape(title)}`).test(source));
}
