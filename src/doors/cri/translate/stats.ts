import type {
  CgroupUsage,
  ContainerStats,
  InterfaceStats,
  NetworkStats,
  Pressure,
  PressureLine,
  SandboxStats,
} from "../../../engines/engine/index.ts";
import type * as cri from "../../../ground/protocol/index.ts";

/** Unknown figures are left out, and not reported as 0. */
export function toContainerStats({
  container,
  usage,
  usageNanoCores,
  writableLayer,
}: ContainerStats): cri.ContainerStats {
  const { metadata, labels, annotations } = container.config;
  return {
    attributes: { id: container.id, metadata, labels, annotations },
    cpu: usage && cpuUsage(usage, usageNanoCores),
    memory: usage && memoryUsage(usage),
    writableLayer: writableLayer && {
      timestamp: writableLayer.takenAtNs,
      fsId: { mountpoint: writableLayer.mountpoint },
      usedBytes: { value: BigInt(writableLayer.sizeBytes) },
      inodesUsed: { value: BigInt(writableLayer.inodes) },
    },
    swap: usage && swapUsage(usage),
    io: usage && ioUsage(usage),
  };
}

export function toPodSandboxStats({
  sandbox,
  usage,
  usageNanoCores,
  network,
  containers,
}: SandboxStats): cri.PodSandboxStats {
  const { metadata, labels, annotations } = sandbox.config;
  return {
    attributes: { id: sandbox.id, metadata, labels, annotations },
    linux: {
      cpu: usage && cpuUsage(usage, usageNanoCores),
      memory: usage && memoryUsage(usage),
      network: network && networkUsage(network),
      process: usage?.tasks && { timestamp: usage.atNs, processCount: { value: usage.tasks.count } },
      containers: containers.map(toContainerStats),
      io: usage && ioUsage(usage),
    },
    windows: undefined,
  };
}

function cpuUsage(
  { atNs, cpu, pressure }: CgroupUsage,
  usageNanoCores: bigint | undefined,
): cri.CpuUsage | undefined {
  if (cpu === undefined) return undefined;
  return {
    timestamp: atNs,
    usageCoreNanoSeconds: { value: cpu.totalNs },
    usageNanoCores: orLeftOut(usageNanoCores),
    psi: psiStats(pressure?.cpu),
  };
}

function memoryUsage({ atNs, memory, pressure }: CgroupUsage): cri.MemoryUsage | undefined {
  if (memory === undefined) return undefined;
  const { limitBytes, workingSetBytes } = memory;
  return {
    timestamp: atNs,
    workingSetBytes: { value: workingSetBytes },
    availableBytes: orLeftOut(left(limitBytes, workingSetBytes)),
    usageBytes: { value: memory.usageBytes },
    rssBytes: { value: memory.rssBytes },
    pageFaults: { value: memory.pageFaults },
    majorPageFaults: { value: memory.majorPageFaults },
    psi: psiStats(pressure?.memory),
  };
}

function swapUsage({ atNs, memory }: CgroupUsage): cri.SwapUsage | undefined {
  if (memory?.swap === undefined) return undefined;
  const { usageBytes, limitBytes } = memory.swap;
  return {
    timestamp: atNs,
    swapAvailableBytes: orLeftOut(left(limitBytes, usageBytes)),
    swapUsageBytes: { value: usageBytes },
  };
}

/** CRI has only pressure here; device I/O is in the metrics. */
function ioUsage({ atNs, pressure }: CgroupUsage): cri.IoUsage | undefined {
  const psi = psiStats(pressure?.io);
  return psi && { timestamp: atNs, psi };
}

function networkUsage({ atNs, defaultInterface, interfaces }: NetworkStats): cri.NetworkUsage {
  const first = interfaces.find(({ name }) => name === defaultInterface);
  return {
    timestamp: atNs,
    defaultInterface: first && interfaceUsage(first),
    // Includes the default one, as in containerd: the protocol leaves it out, but kubelets show only what is
    // listed here.
    interfaces: interfaces.map(interfaceUsage),
  };
}

function interfaceUsage(counters: InterfaceStats): cri.NetworkInterfaceUsage {
  return {
    name: counters.name,
    rxBytes: { value: counters.rxBytes },
    rxErrors: { value: counters.rxErrors },
    txBytes: { value: counters.txBytes },
    txErrors: { value: counters.txErrors },
  };
}

function psiStats(pressure: Pressure | undefined): cri.PsiStats | undefined {
  return pressure && { Full: psiData(pressure.full), Some: psiData(pressure.some) };
}

/** CRI has the total in nanoseconds. */
function psiData({ avg10, avg60, avg300, totalUs }: PressureLine): cri.PsiData {
  return { Total: totalUs * 1000n, Avg10: avg10, Avg60: avg60, Avg300: avg300 };
}

/** What remains of a limit; nothing if it was lowered below the usage. */
function left(limit: bigint | undefined, used: bigint): bigint | undefined {
  if (limit === undefined) return undefined;
  return limit > used ? limit - used : 0n;
}

function orLeftOut(value: bigint | undefined): cri.UInt64Value | undefined {
  return value === undefined ? undefined : { value };
}
