import type { CgroupUsage } from "../../../engines/engine/index.ts";
import {
  type ContainerGroup,
  type ContainerSubject,
  type Family,
  type Figure,
  one,
  secondsOfNs,
  value,
} from "./family.ts";

type Usage = CgroupUsage;

function gauge(
  name: string,
  help: string,
  figure: (usage: Usage) => bigint | number | undefined,
): Family<ContainerSubject> {
  return one(name, "gauge", help, ({ stats }) => stats.usage && figure(stats.usage));
}

export const processGroup: ContainerGroup = {
  group: "process",
  parts: ["processes", "tasks"],
  families: [
    gauge("container_processes", "Processes of the container.", ({ processes }) => processes?.count),
    gauge(
      "container_file_descriptors",
      "Open file descriptors.",
      ({ processes }) => processes?.fileDescriptors,
    ),
    gauge("container_sockets", "Open sockets.", ({ processes }) => processes?.sockets),
    gauge("container_threads", "Threads of the container.", ({ tasks }) => tasks?.count),
    gauge(
      "container_threads_max",
      "Limit of threads of the container; 0 means no limit.",
      ({ tasks }) => tasks && (tasks.limit ?? 0n),
    ),
    {
      name: "container_ulimits_soft",
      type: "gauge",
      help: "Soft limits of the container's first process.",
      labels: ["ulimit"],
      values: ({ stats }) => value(["max_open_files"], stats.usage?.processes?.maxOpenFiles),
    },
  ],
};

export const tasksGroup: ContainerGroup = {
  group: "tasks",
  parts: ["taskStates"],
  families: [
    {
      name: "container_tasks_state",
      type: "gauge",
      help: "Threads in each state.",
      labels: ["state"],
      values: ({ stats }) =>
        Object.entries(stats.usage?.taskStates ?? {}).flatMap(([state, count]) => value([state], count)),
    },
  ],
};

/** As the kernel has them now: limits change while a container runs. 0 is no limit. */
export const specGroup: ContainerGroup = {
  group: "spec",
  parts: ["limits", "memory", "memoryDetails"],
  families: [
    one(
      "container_start_time_seconds",
      "gauge",
      "When the container was started, in seconds since 1970.",
      startTime,
    ),
    gauge("container_spec_cpu_shares", "CPU shares.", ({ limits }) => limits?.cpuShares),
    gauge("container_spec_cpu_period", "CPU period, in microseconds.", ({ limits }) => limits?.cpuPeriodUs),
    gauge(
      "container_spec_cpu_quota",
      "CPU quota per period, in microseconds.",
      ({ limits }) => limits && (limits.cpuQuotaUs ?? 0n),
    ),
    gauge(
      "container_spec_memory_limit_bytes",
      "Memory limit.",
      ({ memory }) => memory && (memory.limitBytes ?? 0n),
    ),
    gauge(
      "container_spec_memory_reservation_limit_bytes",
      "Memory reserved for the container.",
      ({ memory }) => memory?.details?.reservationBytes,
    ),
    gauge("container_spec_memory_swap_limit_bytes", "Limit of memory and swap together.", swapLimit),
  ],
};

function startTime({ stats: { container } }: ContainerSubject): Figure {
  return container.state.kind === "running" ? secondsOfNs(container.state.startedAtNs) : undefined;
}

function swapLimit({ memory }: Usage): bigint | undefined {
  if (memory === undefined) return undefined;
  const { limitBytes, swap } = memory;
  return limitBytes === undefined || swap?.limitBytes === undefined ? 0n : limitBytes + swap.limitBytes;
}
