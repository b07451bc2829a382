/**
 * One line of a container's log in the CRI format: a time, the stream, tags, then what was written
 * (https://github.com/kubernetes/design-proposals-archive/blob/main/node/kubelet-cri-logging.md).
 */
export type LogLine = {
  readonly timestamp: string;
  readonly stream: "stdout" | "stderr";
  /**
   * True if the output continues in the stream's next line, because it was too long or did not end with a
   * newline.
   */
  readonly partial: boolean;
  readonly content: Buffer;
};

const space = 0x20;

/** Parses a line without its newline; undefined if it is not in the format. */
export function parseLogLine(line: Buffer): LogLine | undefined {
  const afterTime = line.indexOf(space);
  const afterStream = line.indexOf(space, afterTime + 1);
  const tagsEnd = line.indexOf(space, afterStream + 1);
  if (afterTime < 1 || afterStream === -1) return undefined;
  const afterTags = tagsEnd === -1 ? line.length : tagsEnd;
  const stream = line.toString("latin1", afterTime + 1, afterStream);
  const [tag] = line.toString("latin1", afterStream + 1, afterTags).split(":");
  if ((stream !== "stdout" && stream !== "stderr") || (tag !== "F" && tag !== "P")) return undefined;
  return {
    timestamp: line.toString("latin1", 0, afterTime),
    stream,
    partial: tag === "P",
    content: line.subarray(Math.min(afterTags + 1, line.length)),
  };
}
