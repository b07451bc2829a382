import { parseDigest } from "./digest.ts";
import type { ImageConfig } from "./image.ts";
import { JsonNode } from "./json.ts";
import { osFeaturesOf } from "./manifest.ts";

/**
 * Parses the config blob of an image (OCI image-spec 1.1, config.md; Docker's has the same shape). What an
 * image leaves out is empty. Throws {@link OciFormatError}.
 */
export function parseImageConfig(bytes: Uint8Array): ImageConfig {
  const root = JsonNode.parse(bytes, "image config");
  const created = root.at("created");
  return {
    ...(created.absent ? {} : { created: created.string() }),
    platform: {
      os: text(root.at("os")),
      architecture: text(root.at("architecture")),
      ...(text(root.at("variant")) === "" ? {} : { variant: text(root.at("variant")) }),
      ...osFeaturesOf(root),
    },
    config: parseExecution(root.at("config")),
    diffIds: root.at("rootfs").absent
      ? []
      : root
          .at("rootfs")
          .at("diff_ids")
          .list()
          .map((id) => parseDigest(id.string())),
  };
}

function parseExecution(node: JsonNode): ImageConfig["config"] {
  const config = node.absent ? new JsonNode({}, node.path) : node;
  return {
    user: text(config.at("User")),
    exposedPorts: config.at("ExposedPorts").keys(),
    env: texts(config.at("Env")),
    entrypoint: texts(config.at("Entrypoint")),
    cmd: texts(config.at("Cmd")),
    volumes: config.at("Volumes").keys(),
    workingDir: text(config.at("WorkingDir")),
    labels: config.at("Labels").strings(),
    stopSignal: text(config.at("StopSignal")),
  };
}

function text(node: JsonNode): string {
  return node.absent ? "" : node.string();
}

function texts(node: JsonNode): readonly string[] {
  return node.list().map((element) => element.string());
}
