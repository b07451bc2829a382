import type { CgroupUsage } from "../../../engines/engine/index.ts";
import {
  type ContainerGroup,
  type ContainerSubject,
  type Family,
  type MetricValue,
  value,
} from "./family.ts";

type Device = NonNullable<CgroupUsage["devices"]>[number];

/** About the file system that holds the container's writable layer. */
function ofFileSystem(
  name: string,
  help: string,
  figure: (subject: ContainerSubject) => bigint | number | undefined,
): Family<ContainerSubject> {
  return {
    name,
    type: "gauge",
    help,
    labels: ["device"],
    values: (subject) => value([subject.fileSystem.device], figure(subject)),
  };
}

function ofDevices(name: string, help: string, figure: (device: Device) => bigint): Family<ContainerSubject> {
  return {
    name,
    type: "counter",
    help,
    labels: ["device"],
    values: ({ stats }) => (stats.usage?.devices ?? []).flatMap((one) => value([one.name], figure(one))),
  };
}

export const diskGroup: ContainerGroup = {
  group: "disk",
  parts: [],
  families: [
    {
      name: "container_fs_usage_bytes",
      type: "gauge",
      help: "Size of the container's writable layer, in bytes.",
      labels: ["device"],
      values: ({ stats: { writableLayer }, fileSystem }) =>
        value([fileSystem.device], writableLayer?.sizeBytes).map((one) => ({
          ...one,
          takenAtNs: writableLayer?.takenAtNs,
        })),
    },
    ofFileSystem(
      "container_fs_limit_bytes",
      "Size of the file system that holds the container's writable layer.",
      ({ fileSystem }) => fileSystem.sizeBytes,
    ),
    ofFileSystem(
      "container_fs_inodes_total",
      "Inodes of the file system that holds the container's writable layer.",
      ({ fileSystem }) => fileSystem.inodes,
    ),
    ofFileSystem(
      "container_fs_inodes_free",
      "Free inodes of the file system that holds the container's writable layer.",
      ({ fileSystem }) => fileSystem.freeInodes,
    ),
  ],
};

export const diskIoGroup: ContainerGroup = {
  group: "disk_io",
  parts: ["devices"],
  families: [
    ofDevices("container_fs_reads_bytes_total", "Bytes read from the device.", (one) => one.readBytes),
    ofDevices("container_fs_reads_total", "Reads from the device.", (one) => one.reads),
    ofDevices("container_fs_writes_bytes_total", "Bytes written to the device.", (one) => one.writtenBytes),
    ofDevices("container_fs_writes_total", "Writes to the device.", (one) => one.writes),
    {
      name: "container_blkio_device_usage_total",
      type: "counter",
      help: "Bytes read from and written to the device.",
      labels: ["device", "major", "minor", "operation"],
      values: ({ stats }) => (stats.usage?.devices ?? []).flatMap(deviceUsage),
    },
  ],
};

function deviceUsage({ name, major, minor, readBytes, writtenBytes }: Device): readonly MetricValue[] {
  const labels = [name, String(major), String(minor)];
  return [...value([...labels, "Read"], readBytes), ...value([...labels, "Write"], writtenBytes)];
}
