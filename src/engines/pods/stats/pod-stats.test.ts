import assert from "node:assert/strict";
import { test } from "node:test";
import { LinuxContainerResources } from "../../../ground/protocol/index.ts";
import { withAskedShares } from "./pod-stats.ts";

const usage = (cpuShares: bigint) => ({
  limits: { cpuShares, cpuPeriodUs: 100_000n, cpuQuotaUs: undefined },
});
const asking = (cpuShares: bigint) => ({ resources: LinuxContainerResources.fromPartial({ cpuShares }) });

test("a container's shares are those that it asked for, while the kernel has their weight", () => {
  assert.equal(withAskedShares(usage(521n), asking(512n))?.limits?.cpuShares, 512n);
  assert.equal(withAskedShares(usage(2048n), asking(512n))?.limits?.cpuShares, 2048n);
  assert.equal(withAskedShares(usage(521n), asking(0n))?.limits?.cpuShares, 521n);
  assert.equal(withAskedShares(undefined, asking(512n)), undefined);
});
