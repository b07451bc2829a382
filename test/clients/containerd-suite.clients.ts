/**
 * Runs containerd's own tests, unmodified: those of CRI that require nothing but a CRI endpoint
 * (docs/other-suites.md gives the reason for each that is left out), and nearly all of its client library.
 */
import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { runClientTests, runCriTests, type SuiteResult } from "../support/containerd-suite.ts";
import { checkpointing } from "../support/criu.ts";
import { testHandler } from "../support/handler.ts";

const criTests = [
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
  "TestSharedPidMultiProcessContainerStop",
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

/** Tests of the client library that cannot pass, with the reason. */
const withoutClientTests: Readonly<Record<string, readonly string[]>> = {
  "starts containerd, or looks at its process, configuration or shims": [
    ...["TestDaemonRestart", "TestDaemonRestartWithRunningShim", "TestShimDoesNotLeakPipes"],
    ...["TestDaemonReconnectsToShimIOPipesOnRestart", "TestShimOOMScore", "TestDaemonRuntimeRoot"],
    ...[
      "TestDaemonCustomCgroup",
      "TestRestartMonitor",
      "TestMigration",
      "TestContainerStartWithAbsRuntimePath",
    ],
    ...["TestIssue9103", "TestIssue10589"],
  ],
  "speaks ttrpc to containerd": [
    ...["TestClientTTRPC_New", "TestClientTTRPC_Reconnect", "TestClientTTRPC_Close"],
  ],
  "wants a certain public image": [
    ...["TestImagePullAllPlatforms", "TestImagePullSomePlatforms", "TestImagePullWithDistSourceLabel"],
    ...["TestExportAllCases", "TestBindLowPortNonOpt", "TestUserNamespaces/CheckSetUidBit"],
  ],
  "times of ingests are those of their files, which kernels keep a few ms less exact": [
    "TestContentClient/(UpdateStatus|Resume)",
  ],
  "has runc delete what another OCI runtime made":
    testHandler === "runc" ? [] : ["TestKillContainerDeletedByRunc"],
};

describe("containerd's own tests", () => {
  it("of CRI pass, except for what the machine lacks", async (t) => {
    const outcome = await runCriTests(criTests);
    const ran = outcome.results.filter(({ name }) => !name.includes("/")).map(({ name }) => name);
    assert.deepEqual(ran.toSorted(), criTests.toSorted());
    await judge(t, outcome);
  });

  it("of the client library pass, except for what the machine lacks", async (t) => {
    const outcome = await runClientTests(Object.values(withoutClientTests).flat(), await checkpointing());
    assert.ok(outcome.results.length > 100, outcome.output);
    await judge(t, outcome);
  });
});

async function judge(t: TestContext, { results, output }: SuiteResult): Promise<void> {
  for (const { name, state } of results)
    await t.test(name, { skip: state === "SKIP" && "it finds something missing here" }, () =>
      assert.equal(state, "PASS", output),
    );
}
