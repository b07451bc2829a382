import assert from "node:assert/strict";
import { test } from "node:test";
import { processLimits } from "./docker-resources.ts";

test("limits are the engine's defaults except for configured ones, which may be unlimited", () => {
  assert.deepEqual(processLimits({ defaultUlimits: [], pidsLimit: 0 }), {});
  const defaultUlimits = [
    { type: "RLIMIT_NOFILE", soft: 1024, hard: 4096 },
    { type: "RLIMIT_STACK", soft: 4096, hard: Number.POSITIVE_INFINITY },
  ];
  assert.deepEqual(processLimits({ defaultUlimits, pidsLimit: 77 }), {
    Ulimits: [
      { Name: "nofile", Soft: 1024, Hard: 4096 },
      { Name: "stack", Soft: 4096, Hard: -1 },
    ],
    PidsLimit: 77,
  });
});
