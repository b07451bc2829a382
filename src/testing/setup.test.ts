import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { copyFile, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import manifest from "../../package.json" with { type: "json" };
import { projectPath, readProjectFile } from "./docs.ts";
import { tempDir } from "./temp-dir.ts";

/**
 * What scripts/setup.sh says and does in a checkout without packages, where `node --version` says that;
 * undefined is no Node.
 */
async function setUpWith(nodeVersion: string | undefined): Promise<{ code: number; said: string }> {
  await using dir = await tempDir();
  const checkout = join(dir.path, "checkout");
  const programs = join(dir.path, "programs");
  await Promise.all([join(checkout, "scripts"), programs].map((path) => mkdir(path, { recursive: true })));
  for (const file of ["scripts/setup.sh", ".nvmrc", "package-lock.json"])
    await copyFile(projectPath(file), join(checkout, file));
  const program = (name: string, text: string) =>
    writeFile(join(programs, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
  if (nodeVersion !== undefined) await program("node", `echo ${nodeVersion}`);
  await program("npm", 'mkdir node_modules; echo "npm $1"');
  for (const name of ["cat", "cmp", "cp", "dirname", "mkdir"])
    await program(name, `PATH=/usr/bin:/bin exec ${name} "$@"`);
  return await new Promise((resolve) => {
    const script = join(checkout, "scripts/setup.sh");
    execFile("/bin/sh", [script, "npm-only"], { env: { PATH: programs } }, (error, stdout, stderr) =>
      resolve({ code: Number(error?.code ?? 0), said: stdout + stderr }),
    );
  });
}

test("scripts/setup.sh installs with the oldest Node that package.json allows, and with a newer one", async () => {
  for (const version of ["v20.0.0", "v26.10.0", "v100.1.0"]) {
    const { code, said } = await setUpWith(version);
    assert.deepEqual([code, said.includes("npm install")], [0, true], said);
  }
});

test("scripts/setup.sh says which Node it needs where that is too old or missing, and installs nothing", async () => {
  for (const [version, found] of [
    ["v18.20.4", "found: v18.20.4"],
    [undefined, "found: none"],
  ] as const) {
    const { code, said } = await setUpWith(version);
    assert.equal(code, 1);
    assert.match(said, /^setup: Node 20 or newer is needed/);
    assert.ok(said.includes(found), said);
    assert.ok(!said.includes("npm install"), said);
  }
});

test("package.json, .nvmrc, the README and the workflow ask for the same Node", async () => {
  const oldest = (await readProjectFile(".nvmrc")).trim();
  assert.equal(manifest.engines.node, `>=${oldest}`);
  assert.ok((await readProjectFile("README.md")).includes(`Node ${oldest} or newer`));
  assert.ok((await readProjectFile(".github/workflows/ci.yml")).includes(`image: node:${oldest}-bookworm`));
});
