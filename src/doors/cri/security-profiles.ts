import type { Engine } from "../../engines/engine/index.ts";
import { hasCode, messageOf } from "../../ground/errors/index.ts";
import type { PullSecurityProfileRequest } from "../../ground/protocol/index.ts";
import { CriError } from "./errors.ts";
import { checked, type ImageHandlers } from "./handlers.ts";
import { toCredentials } from "./translate/credentials.ts";
import * as validate from "./validate/index.ts";

/** PullSecurityProfile, ListSecurityProfiles, RemoveSecurityProfile (https://kep.k8s.io/6061). */
export function securityProfileHandlers({ securityProfiles }: Engine): ImageHandlers {
  return {
    pullSecurityProfile: async (request, { signal }) => {
      const { reference, credentials } = profileRequest(request);
      return await securityProfiles.pull({ reference, ...(credentials && { credentials }) }, signal);
    },

    listSecurityProfiles: () => ({
      profiles: securityProfiles.list().map(({ digest, references, sizeBytes }) => ({
        digest,
        refs: [...references],
        size: BigInt(sizeBytes),
      })),
    }),

    removeSecurityProfile: checked(validate.removeSecurityProfile, async ({ digest }) => {
      await securityProfiles.remove(digest);
      return {};
    }),
  };
}

/** A kubelet does not retry if the message begins with this word. */
function profileRequest(request: PullSecurityProfileRequest) {
  try {
    const { image, auth } = validate.pullSecurityProfile(request);
    return { reference: image.image, credentials: toCredentials(auth) };
  } catch (error) {
    if (!hasCode(error, "InvalidArgument")) throw error;
    throw new CriError("InvalidArgument", `SecurityProfileInvalid: ${messageOf(error)}`);
  }
}
