import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import type { Finding } from "../../doctor/index.ts";
import { styleFor } from "../output/style.ts";
import { captured } from "../testing/captured-io.ts";
import { berth, serveCli } from "../testing/cli.ts";
import { renderReport } from "./report.ts";

const plain = styleFor(captured(), {});

test("the report has the remedy below a finding, and a summary", () => {
  const findings: Finding[] = [
    { severity: "ok", title: "kernel", detail: "new" },
    { severity: "hint", title: "disk", detail: "slow", remedy: "buy another" },
    { severity: "fail", title: "conmon", detail: "is\nmissing", remedy: "install it" },
  ];
  const report = renderReport([{ check: "x", findings }], plain);
  const expected =
    "ok    kernel  new\nhint  disk    slow\n      -> buy another\nFAIL  conmon  is; missing\n      -> install it\n\n";
  assert.equal(
    report,
    `${expected}1 failure and 0 warnings: pods cannot run until the failures are fixed.\n`,
  );
});

test("the daemon's own report is part of the findings, and affects the exit status", async () => {
  await using endpoint = await serveCli();
  const { status, stdout } = await endpoint.run(["doctor", "-o", "json", "--address", endpoint.address]);
  const { worst, checks } = JSON.parse(stdout);
  const { findings } = checks.find(({ check }: { check: string }) => check === "daemon");
  assert.deepEqual(
    findings.map(({ severity, title }: Finding) => [severity, title]),
    [
      ["ok", "daemon"],
      ["ok", "RuntimeReady"],
      ["fail", "not NetworkReady"],
    ],
  );
  assert.deepEqual({ worst, status }, { worst: "fail", status: 1 });
});

test("without a daemon, the machine is still examined", async () => {
  const { stdout } = await berth(["doctor", "--address", "/nonexistent.sock"]);
  assert.match(stdout, /^ok +kernel/m);
  assert.match(stdout, /^warn +daemon +socket .* not found/m);
});

test("an invalid configuration is a failure that names the error", async () => {
  await using endpoint = await serveCli();
  const file = join(endpoint.dir, "config.toml");
  await writeFile(file, "adress = 1\n");
  const { status, stdout } = await endpoint.run(["doctor", "--config", file]);
  assert.equal(status, 1);
  assert.match(stdout, /^FAIL +configuration +.*adress/m);
});
