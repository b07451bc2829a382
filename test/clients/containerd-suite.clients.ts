/**
 * containerd's own integration tests, unmodified: those that ask nothing but CRI and containerd's API of a
 * runtime. docs/other-suites.md says of each of the others why it is not among them.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { runContainerdSuite } from "../support/containerd-suite.ts";

const cases = [
  "TestAdditionalGids",
  "TestContainerEvents",
  "TestContainerLogWithoutTailingNewLine",
  "TestContainerRestart",
  "TestFailedContainerRestart",
  "TestContainerStats",
  "TestContainerListStats",
  "TestContainerListStatsWithIdFilter",
  "TestContainerListStatsWithSandboxIdFilter",
  "TestContainerListStatsWithIdSandboxIdFilter",
  "TestContainerStopSignals",
  "TestDefaultContainerStopSignal",
  "TestSharedPidMultiProcessContainerStop",
  "TestContainerStopCancellation",
  "TestUpdateContainerResources_MemorySwap",
  "TestUpdateContainerResources_MemoryLimit",
  "TestUpdateContainerResources_StatusUpdated",
  "TestContainerSymlinkVolumes",
  "TestContainerLifecycleWithoutImageRef",
  "TestImageFSInfo",
  "TestPodDualStack",
  "TestPrivilegedContainerCgroupMountOptions",
  "TestRunPodSandboxWithoutMetadata",
  "TestCreateContainerWithoutMetadata",
  "TestRuntimeHandler",
  "TestVolumeCopyUp",
  "TestVolumeOwnership",
];

describe("containerd's integration tests", () => {
  it("pass, but for what the machine lacks", async (t) => {
    const { results, output } = await runContainerdSuite(cases);
    assert.deepEqual(
      results
        .filter(({ name }) => !name.includes("/"))
        .map(({ name }) => name)
        .toSorted(),
      cases.toSorted(),
    );
    for (const { name, state } of results)
      await t.test(name, { skip: state === "SKIP" && "it finds something missing here" }, () =>
        assert.equal(state, "PASS", output),
      );
  });
});
