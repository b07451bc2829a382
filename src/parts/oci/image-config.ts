import { parseDigest } from "./digest.ts";
import type { ImageConfig } from "./image.ts";
import { JsonNode } from "./json.ts";
import { osFeaturesOf } from "./manifest.ts";

/**
 * Parses the config blob of an image (OCI image-spec 1.1, config.md; Docker's has the same shape). What an
 * image leaves out is empty. Keys are found in any case of letters, as by the runtimes that are written in
 * Go: some builders write them their own way. Throws {@link OciFormatError}.
 */
export function parseImageConfig(bytes: Uint8Array): ImageConfig {
  const root = JsonNode.parse(bytes, "image config");
  const created = root.like("created");
  const variant = root.like("variant").text();
  return {
    ...(created.absent ? {} : { created: created.string() }),
    platform: {
      os: root.like("os").text(),
      architecture: root.like("architecture").text(),
      ...(variant === "" ? {} : { variant }),
      ...osFeaturesOf(root),
    },
    config: parseExecution(root.like("config")),
    diffIds: root.like("rootfs").absent
      ? []
      : root
          .like("rootfs")
          .like("diff_ids")
          .list()
          .map((id) => parseDigest(id.string())),
  };
}

function parseExecution(node: JsonNode): ImageConfig["config"] {
  const config = node.absent ? new JsonNode({}, node.path) : node;
  return {
    user: config.like("User").text(),
    exposedPorts: config.like("ExposedPorts").keys(),
    env: texts(config.like("Env")),
    entrypoint: texts(config.like("Entrypoint")),
    cmd: texts(config.like("Cmd")),
    volumes: config.like("Volumes").keys(),
    workingDir: config.like("WorkingDir").text(),
    labels: config.like("Labels").strings(),
    stopSignal: config.like("StopSignal").text(),
  };
}

function texts(node: JsonNode): readonly string[] {
  return node.list().map((element) => element.text());
}
