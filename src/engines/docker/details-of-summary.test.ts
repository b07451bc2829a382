import assert from "node:assert/strict";
import { test } from "node:test";
import type { ContainerSummary } from "../../parts/dockerapi/index.ts";
import { detailsOf } from "./details-of-summary.ts";
import { stateOf } from "./found.ts";

const summary = {
  Id: "id",
  Names: ["/k8s_main_pod_default_uid_0"],
  Labels: {},
  ImageID: "sha256:image",
  Created: 1_767_225_600,
  HostConfig: { NetworkMode: "none" },
  NetworkSettings: { Networks: {} },
};

const listed = (State: ContainerSummary["State"], Status: string) =>
  stateOf(detailsOf({ ...summary, State, Status }));

test("a container has the state and exit code of its list entry", () => {
  assert.equal(listed("created", "Created").kind, "created");
  assert.equal(listed("running", "Up 3 minutes").kind, "running");
  assert.equal(listed("paused", "Up 3 minutes (Paused)").kind, "running");
  const ended = listed("exited", "Exited (3) 5 minutes ago");
  assert.ok(ended.kind === "exited" && ended.exitCode === 3 && ended.reason === "Error");
});

test("a container has the creation time of its list entry, which is in seconds", () => {
  assert.equal(detailsOf({ ...summary, State: "running", Status: "Up" }).Created, "2026-01-01T00:00:00.000Z");
});

test("a container has its own name, not one by which another links to it", () => {
  const Names = ["/other/alias", "/k8s_main_pod_default_uid_0"];
  const { Name } = detailsOf({ ...summary, Names, State: "running", Status: "Up" });
  assert.equal(Name, "/k8s_main_pod_default_uid_0");
});
