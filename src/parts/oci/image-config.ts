import { withSpecifiedKeys } from "./config-keys.ts";
import { parseDigest } from "./digest.ts";
import type { ImageConfig } from "./image.ts";
import { JsonNode } from "./json.ts";
import { osFeaturesOf } from "./manifest.ts";

/**
 * Parses the config blob of an image (OCI image-spec 1.1, config.md; Docker's has the same shape). What an
 * image leaves out is empty. Keys are found as by {@link withSpecifiedKeys}. Throws {@link OciFormatError}.
 */
export function parseImageConfig(bytes: Uint8Array): ImageConfig {
  const root = JsonNode.parse(bytes, "image config").with(withSpecifiedKeys);
  const created = root.at("created");
  const variant = root.at("variant").text();
  return {
    ...(created.absent ? {} : { created: created.string() }),
    platform: {
      os: root.at("os").text(),
      architecture: root.at("architecture").text(),
      ...(variant === "" ? {} : { variant }),
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
    user: config.at("User").text(),
    exposedPorts: config.at("ExposedPorts").keys(),
    env: texts(config.at("Env")),
    entrypoint: texts(config.at("Entrypoint")),
    cmd: texts(config.at("Cmd")),
    volumes: config.at("Volumes").keys(),
    workingDir: config.at("WorkingDir").text(),
    labels: config.at("Labels").strings(),
    stopSignal: config.at("StopSignal").text(),
  };
}

function texts(node: JsonNode): readonly string[] {
  return node.list().map((element) => element.text());
}
