import type { CgroupUsage, NetworkStats } from "../../../engines/engine/index.ts";

/** Figures for an engine in memory. */
export const usage: CgroupUsage = {
  atNs: 7_000_000_000n,
  monotonicNs: 1n,
  cpu: { totalNs: 2_500_000_000n, details: undefined },
  memory: {
    usageBytes: 1000n,
    workingSetBytes: 700n,
    limitBytes: 600n,
    rssBytes: 400n,
    pageFaults: 5n,
    majorPageFaults: 1n,
    swap: undefined,
    details: undefined,
  },
  pressure: {
    cpu: undefined,
    memory: undefined,
    io: {
      some: { avg10: 1.5, avg60: 0.5, avg300: 0.25, totalUs: 12n },
      full: { avg10: 0, avg60: 0, avg300: 0, totalUs: 3n },
    },
  },
  tasks: { count: 4n, limit: undefined },
  devices: undefined,
  hugepages: undefined,
  limits: undefined,
  processes: undefined,
  taskStates: undefined,
  files: undefined,
};

const counters = { rxPackets: 1n, rxErrors: 2n, rxDropped: 3n, txBytes: 4n, txPackets: 5n };
export const network: NetworkStats = {
  atNs: 8n,
  defaultInterface: "eth1",
  interfaces: ["eth0", "eth1"].map((name, index) => ({
    name,
    rxBytes: BigInt(index),
    ...counters,
    txErrors: 6n,
    txDropped: 7n,
  })),
};
