import assert from "node:assert/strict";
import { test } from "node:test";
import {
  ContainerState,
  ListContainersResponse,
  ListPodSandboxResponse,
} from "../../../ground/protocol/index.ts";
import { captured } from "../testing/captured-io.ts";
import { renderStructured, toProtobufJson } from "./structured.ts";
import { styleFor } from "./style.ts";
import { type Column, renderTable } from "./table.ts";
import { formatAge, formatBytes, shortId } from "./units.ts";
import { parseInfo } from "./verbose-info.ts";

type Row = { readonly name: string; readonly size?: string };

const columns: Column<Row>[] = [
  { title: "NAME", value: ({ name }) => name },
  { title: "SIZE", value: ({ size }) => size ?? "" },
];

test("columns are as wide as their widest cell, and lines have no trailing spaces", () => {
  const rows = [{ name: "a", size: "1" }, { name: "longer" }];
  assert.equal(renderTable(columns, rows), "NAME     SIZE\na        1\nlonger   -\n");
});

test("a table without rows has only its titles", () => {
  assert.equal(renderTable(columns, []), "NAME   SIZE\n");
});

test("a name can neither forge a row nor control the terminal", () => {
  assert.equal(renderTable(columns, [{ name: "x\n\x1b[2Jy" }]), "NAME      SIZE\nx??[2Jy   -\n");
});

test("colours do not change the widths", () => {
  const bold: Column<Row> = { title: "NAME", value: () => "ab", paint: (text) => `\x1b[1m${text}\x1b[22m` };
  const table = renderTable([bold, ...columns.slice(1)], [{ name: "", size: "1" }]);
  assert.equal(table, "NAME   SIZE\n\x1b[1mab\x1b[22m     1\n");
});

test("colours are only for terminals, and can be disabled", () => {
  const terminal = captured({ columns: 80 });
  assert.equal(styleFor(terminal, {}).red("x"), "\x1b[31mx\x1b[39m");
  assert.equal(styleFor(terminal, { NO_COLOR: "1" }).red("x"), "x");
  assert.equal(styleFor(captured(), {}).red("x"), "x");
});

test("JSON has protobuf's form: enums by name, int64 as text, bytes in base64, with zeros and empty lists", () => {
  const message = ListContainersResponse.fromPartial({
    containers: [
      { id: "c", state: ContainerState.CONTAINER_CREATED, createdAt: 1n, metadata: { name: "n" } },
    ],
  });
  const { containers } = toProtobufJson(ListContainersResponse, message) as {
    containers: Record<string, unknown>[];
  };
  assert.equal(containers[0]?.state, "CONTAINER_CREATED");
  assert.equal(containers[0]?.createdAt, "1");
  assert.deepEqual(containers[0]?.metadata, { name: "n", attempt: 0 });
  assert.deepEqual(containers[0]?.labels, {});
  assert.deepEqual(toProtobufJson(ListPodSandboxResponse, { items: [] }), { items: [] });
});

test("YAML has the same content as JSON", async () => {
  assert.equal(
    await renderStructured({ items: [{ id: "1" }], none: [] }, "yaml"),
    'items:\n  - id: "1"\nnone: []\n',
  );
});

test("sizes are short and unambiguous", () => {
  const sizes = [0, 999, 1000, 1_234_567, 99_960, 123_456_789n, 999_600];
  assert.deepEqual(sizes.map(formatBytes), [
    "0 B",
    "999 B",
    "1.0 kB",
    "1.2 MB",
    "100 kB",
    "123 MB",
    "1.0 MB",
  ]);
});

test("an age is shown in its largest unit", () => {
  const now = 10_000_000_000;
  const ago = (ms: number) => formatAge(BigInt(now - ms) * 1_000_000n, now);
  assert.deepEqual(
    [ago(0), ago(1000), ago(59_999), ago(3_600_000), ago(172_800_000)],
    ["just now", "1 second ago", "59 seconds ago", "1 hour ago", "2 days ago"],
  );
  assert.equal(formatAge(0n, now), "");
});

test("ids are shortened, names are not", () => {
  assert.equal(shortId(`sha256:${"ab".repeat(32)}`), "abababababab");
  assert.equal(shortId("docker.io/library/busybox"), "docker.io/library/busybox");
});

test("a runtime's additional info is shown as JSON if it is JSON", () => {
  assert.deepEqual(parseInfo({ info: '{"pid":1}', note: "plain" }), { info: { pid: 1 }, note: "plain" });
});

test("a runtime's additional info keeps every digit of its numbers", async () => {
  const text = '{"limits":[{"soft":1,"hard":18446744073709551615}],"value":18446744073709551614}';
  const shown = await renderStructured(parseInfo({ runtimeSpec: text }), "json");
  assert.equal(shown.replaceAll(/\s/g, ""), `{"runtimeSpec":${text}}`);
  assert.equal(
    await renderStructured(parseInfo({ runtimeSpec: text }), "yaml"),
    "runtimeSpec:\n  limits:\n    - soft: 1\n      hard: 18446744073709551615\n  value: 18446744073709551614\n",
  );
});

test("a member that is null is shown as null, whatever its name", async () => {
  const data = { soft: null, hard: null };
  assert.deepEqual(JSON.parse(await renderStructured(data, "json")), data);
  assert.equal(await renderStructured(data, "yaml"), "soft: null\nhard: null\n");
});
