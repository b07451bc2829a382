import assert from "node:assert/strict";
import { test } from "node:test";
import type { ContainerDetails } from "../../parts/dockerapi/index.ts";
import { stateOf } from "./found.ts";

test("a container that ended before Docker recorded its start has a start no later than its end", () => {
  const State = {
    Status: "exited",
    Running: false,
    Paused: false,
    OOMKilled: false,
    Pid: 0,
    ExitCode: 0,
    Error: "",
    StartedAt: "2026-01-01T00:00:00.200000000Z",
    FinishedAt: "2026-01-01T00:00:00.100000000Z",
  } as const;
  const state = stateOf({ State, Created: "2026-01-01T00:00:00Z" } as ContainerDetails);
  assert.ok(state.kind === "exited");
  assert.equal(state.startedAtNs, state.finishedAtNs);
});
