import { type Platform, parsePlatform } from "../../parts/oci/index.ts";
import { BerthServiceError } from "./errors.ts";

/**
 * What a request says of platforms, for {@link ImageCatalog}'s requests. Throws BerthServiceError,
 * OciFormatError; `what` is for its words.
 */
export function platformOf(
  { platform, allPlatforms }: { readonly platform: string; readonly allPlatforms: boolean },
  what: string,
): { readonly platform?: Platform | "all" } {
  if (allPlatforms && platform !== "")
    throw new BerthServiceError(`${what}: a platform and all platforms cannot be requested together`);
  if (allPlatforms) return { platform: "all" };
  return platform === "" ? {} : { platform: parsePlatform(platform) };
}
