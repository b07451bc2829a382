import type { ErrorCode } from "../../ground/errors/index.ts";
import { longestWaitMs, parseRetryAfter } from "./backoff.ts";
import { parseChallenges } from "./challenge.ts";
import type { Endpoint } from "./endpoint.ts";
import { quoteErrorBody } from "./error-body.ts";
import { RegistryError } from "./errors.ts";
import { type HttpResponse, reached } from "./transport.ts";

type Meaning = { readonly code: ErrorCode; readonly why: string; readonly transient?: boolean };

/** Converts a refused request to an error with the server's explanation. Reads the response to its end. */
export async function refusal(
  response: HttpResponse,
  endpoint: Endpoint,
  purpose: "pull" | "push",
): Promise<RegistryError> {
  const said = await quoteErrorBody(response);
  const detail = said === "" ? "" : ` (${said})`;
  const { status } = response;
  const retryAfterMs = parseRetryAfter(response.headers["retry-after"]);
  const { code, why, transient = false } = meaningOf(response, purpose);
  const wait =
    retryAfterMs === undefined ? "" : `; it asks to wait for ${Math.ceil(retryAfterMs / 1000)} seconds`;
  return new RegistryError(code, `${reached(response.url, endpoint)}: ${why}${wait}${detail}`, {
    status,
    transient: transient && (retryAfterMs ?? 0) <= longestWaitMs,
    retryAfterMs,
  });
}

function meaningOf(response: HttpResponse, purpose: "pull" | "push"): Meaning {
  const { status } = response;
  const common = meanings[status];
  if (purpose === "pull") {
    if (status === 401) return pullDenied;
    return common ?? other(status);
  }
  if (status === 401) return isKnown(response) ? pushForbidden : pushDenied;
  return pushMeanings[status] ?? common ?? other(status);
}

/** Whether the server accepted the credentials, but they do not allow the request (RFC 6750, section 3.1). */
function isKnown({ headers }: HttpResponse): boolean {
  return parseChallenges(headers["www-authenticate"]).some(
    ({ parameters }) => parameters.error === "insufficient_scope",
  );
}

function other(status: number): Meaning {
  const transient = status === 408 || status >= 500;
  const isRefused = status >= 400 && !transient;
  return { code: isRefused ? "FailedPrecondition" : "Unavailable", why: `answered ${status}`, transient };
}

const pullDenied: Meaning = {
  code: "Unauthenticated",
  why: "pull access denied: the repository does not exist or needs other credentials",
};
const pushDenied: Meaning = {
  code: "Unauthenticated",
  why: "push access denied: the registry needs credentials, or different ones",
};
const pushForbidden: Meaning = {
  code: "PermissionDenied",
  why: "push access denied: these credentials do not allow pushes to this repository",
};

const meanings: Readonly<Record<number, Meaning>> = {
  403: { code: "PermissionDenied", why: "forbidden" },
  404: { code: "NotFound", why: "not found" },
  410: { code: "NotFound", why: "no longer there (410)" },
  429: { code: "ResourceExhausted", why: "too many requests", transient: true },
  451: { code: "PermissionDenied", why: "unavailable for legal reasons (451)" },
};

/** The meaning of some statuses in a push. */
const pushMeanings: Readonly<Record<number, Meaning>> = {
  400: { code: "InvalidArgument", why: "rejects it (400)" },
  404: {
    code: "NotFound",
    why: "not found: the repository does not exist, and this registry does not create it on push",
  },
  405: {
    code: "FailedPrecondition",
    why: "accepts no pushes (405): it is read-only, or only a mirror; push to another registry",
  },
  409: { code: "FailedPrecondition", why: "rejects it because of a conflict (409)" },
  412: {
    code: "FailedPrecondition",
    why: "rejects it because of a failed precondition (412): the tag may be immutable",
  },
  413: {
    code: "ResourceExhausted",
    why: "rejects it as too large (413), or a proxy in front of it does; raise the limit there",
  },
  415: { code: "FailedPrecondition", why: "does not accept content of this type (415)" },
  416: { code: "Unavailable", why: "has another part of the upload than we think (416)", transient: true },
  422: { code: "InvalidArgument", why: "rejects it (422)" },
  501: { code: "FailedPrecondition", why: "cannot do this (501)" },
  507: { code: "ResourceExhausted", why: "has no space left (507)" },
};
