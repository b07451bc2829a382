import { containerd } from "../../ground/protocol/index.ts";
import {
  type CgroupFiles,
  FlatKeyed,
  type PressureLine,
  parseIoStat,
  parsePressure,
  single,
} from "../../services/stats/index.ts";
import { hugepageSizesIn, snakeCase } from "./kernel-names.ts";

const { Metrics, CPUStat, MemoryStat, MemoryEvents } = containerd.cgroupsV2;
type Metrics = containerd.cgroupsV2.Metrics;
type Texts = CgroupFiles["texts"];

/** How containerd's cgroups library represents no limit. */
const noLimit = 2n ** 64n - 1n;

/**
 * Translates statistics of cgroup v2 to the message of containerd's cgroups library, with only the fields
 * that it has.
 */
export function metricsOfV2(texts: Texts): Metrics {
  return Metrics.fromPartial({
    ...(texts.has("pids.current") && {
      pids: { current: number(texts, "pids.current"), limit: number(texts, "pids.max") },
    }),
    ...(texts.has("cpu.stat") && {
      cpu: { ...keyed(CPUStat.fromPartial({}), texts.get("cpu.stat")), psi: pressure(texts, "cpu") },
    }),
    ...(texts.has("memory.stat") && {
      memory: memoryOf(texts),
      memoryEvents: keyed(MemoryEvents.fromPartial({}), texts.get("memory.events")),
    }),
    ...(texts.has("io.stat") && { io: ioOf(texts) }),
    hugetlb: hugepageSizesIn(texts).map((pagesize) => ({
      pagesize,
      current: number(texts, `hugetlb.${pagesize}.current`),
      max: number(texts, `hugetlb.${pagesize}.max`),
      failcnt: new FlatKeyed(texts.get(`hugetlb.${pagesize}.events`) ?? "").get("max"),
    })),
  });
}

function memoryOf(texts: Texts): Metrics["memory"] {
  const file = (name: string) => number(texts, `memory.${name}`);
  return {
    ...keyed(MemoryStat.fromPartial({}), texts.get("memory.stat")),
    usage: file("current"),
    usageLimit: file("max"),
    maxUsage: file("peak"),
    swapUsage: file("swap.current"),
    swapLimit: file("swap.max"),
    swapMaxUsage: file("swap.peak"),
    psi: pressure(texts, "memory"),
  };
}

function ioOf(texts: Texts): Metrics["io"] {
  const usage = [...parseIoStat(texts.get("io.stat") ?? "")].map(([device, figures]) => {
    const [major = "0", minor = "0"] = device.split(":");
    const figure = (name: string) => figures.get(name) ?? 0n;
    return {
      major: BigInt(major),
      minor: BigInt(minor),
      rbytes: figure("rbytes"),
      wbytes: figure("wbytes"),
      rios: figure("rios"),
      wios: figure("wios"),
    };
  });
  return { usage, psi: pressure(texts, "io") };
}

/** Fills a message whose numeric fields have the names of the keys in a kernel file. */
function keyed<Message extends object>(empty: Message, text: string | undefined): Message {
  const stat = new FlatKeyed(text ?? "");
  const fields = Object.entries(empty).filter(([, value]) => typeof value === "bigint");
  return { ...empty, ...Object.fromEntries(fields.map(([field]) => [field, stat.get(snakeCase(field))])) };
}

function pressure(texts: Texts, resource: string): containerd.cgroupsV2.PSIStats | undefined {
  const found = parsePressure(texts.get(`${resource}.pressure`));
  const line = ({ avg10, avg60, avg300, totalUs }: PressureLine) => ({
    avg10,
    avg60,
    avg300,
    total: totalUs,
  });
  return found && { some: line(found.some), full: line(found.full) };
}

function number(texts: Texts, name: string): bigint {
  const text = texts.get(name);
  return text?.trim() === "max" ? noLimit : (single(text) ?? 0n);
}
