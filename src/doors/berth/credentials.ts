import type { berthV1 } from "../../ground/protocol/index.ts";
import type { PullRequest } from "../../services/images/index.ts";

/**
 * The request's credentials in the form that a pull takes; undefined leaves the choice to the configuration.
 */
export function toCredentials(message: berthV1.Credentials | undefined): PullRequest["credentials"] {
  if (message?.basic !== undefined) {
    return { kind: "basic", username: message.basic.username, password: message.basic.password };
  }
  if (message?.identityToken !== undefined) return { kind: "identityToken", token: message.identityToken };
  if (message?.registryToken !== undefined) return { kind: "registryToken", token: message.registryToken };
  return undefined;
}
