import {
  type Descriptor,
  type Digest,
  formatReference,
  mediaType,
  parseIndex,
  type Reference,
} from "../oci/index.ts";
import { readBounded } from "./bounded.ts";
import { type Endpoint, repositoryUrl } from "./endpoint.ts";
import { RegistryError } from "./errors.ts";
import { referrersTag } from "./referrers.ts";
import { maxSmallBytes } from "./registry.ts";
import type { Session } from "./session.ts";
import type { HttpResponse } from "./transport.ts";

/** Maximum number of pages of a list that are requested. */
const maxPages = 16;
/** Maximum number of referrers of one type: a registry may list any number. */
const maxReferrers = 1000;

/**
 * The manifests whose subject is `subject` (distribution-spec 1.1, "Listing Referrers"), filtered by artifact
 * type if the list has types. For registries without the API, reads the list under its tag.
 */
export async function listReferrers(
  session: Session,
  reference: Reference,
  subject: Digest,
  artifactType: string,
  signal: AbortSignal | undefined,
): Promise<readonly Descriptor[]> {
  const what = `listing the referrers of ${subject} in ${formatReference(reference)}`;
  const endpoints = await session.endpoints(reference, "resolve");
  return await session.tryEndpoints(what, endpoints, signal, async (endpoint) => {
    const listed = await listedByRegistry(session, endpoint, reference, subject, artifactType, signal);
    if (listed !== undefined) return listed;
    const underTag = await listedUnderTag(session, endpoint, reference, subject, signal);
    const found = ofType(underTag, artifactType);
    if (found.length > maxReferrers) throw tooMany(endpoint, subject);
    return found;
  });
}

/** Not every registry filters. */
function ofType(listed: readonly Descriptor[], artifactType: string): readonly Descriptor[] {
  return listed.filter((each) => each.artifactType === undefined || each.artifactType === artifactType);
}

/** The list from the API; undefined if the registry does not have it. */
async function listedByRegistry(
  session: Session,
  endpoint: Endpoint,
  reference: Reference,
  subject: Digest,
  artifactType: string,
  signal: AbortSignal | undefined,
): Promise<readonly Descriptor[] | undefined> {
  const found: Descriptor[] = [];
  const first = repositoryUrl(endpoint, reference, `referrers/${subject}`);
  first.searchParams.set("artifactType", artifactType);
  let next: URL | undefined = first;
  for (let page = 0; next !== undefined; page++) {
    if (page === maxPages) throw tooMany(endpoint, subject);
    const response: HttpResponse = await session.send(endpoint, requestOf(reference, next), signal);
    const bytes = await readBounded(response, maxSmallBytes, "the list of referrers");
    if (response.status !== 200) return undefined;
    found.push(...ofType(parseIndex(bytes, mediaType.ociIndex).manifests, artifactType));
    if (found.length > maxReferrers) throw tooMany(endpoint, subject);
    next = nextPage(response, next);
  }
  return found;
}

function tooMany({ host }: Endpoint, subject: Digest): RegistryError {
  return new RegistryError("ResourceExhausted", `${host}: ${subject} has too many referrers`);
}

async function listedUnderTag(
  session: Session,
  endpoint: Endpoint,
  reference: Reference,
  subject: Digest,
  signal: AbortSignal | undefined,
): Promise<readonly Descriptor[]> {
  const request = requestOf(reference, `manifests/${referrersTag(subject)}`);
  const response = await session.send(endpoint, request, signal);
  const bytes = await readBounded(response, maxSmallBytes, "the list of referrers");
  return response.status === 200 ? parseIndex(bytes, mediaType.ociIndex).manifests : [];
}

function requestOf(reference: Reference, path: string | URL) {
  return {
    method: "GET",
    reference,
    path,
    headers: { accept: mediaType.ociIndex },
    accepted: [404],
  } as const;
}

/** The URL of the next page, if it is on the same registry: `<URL>; rel="next"` (RFC 8288). */
function nextPage({ headers }: HttpResponse, current: URL): URL | undefined {
  const { link } = headers;
  const [target = "", parameters = ""] = (Array.isArray(link) ? link[0] : link)?.split(">") ?? [];
  const written = target.trim().slice(1);
  if (!parameters.includes("next") || !URL.canParse(written, current)) return undefined;
  const next = new URL(written, current);
  return next.origin === current.origin ? next : undefined;
}
