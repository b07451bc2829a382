/** The headers of a request. `timeoutMs` may be Infinity; `metadata` has lower-case keys. */
export function requestHeaders(
  path: string,
  timeoutMs: number,
  metadata: Readonly<Record<string, string>>,
): Record<string, string> {
  return {
    ...metadata,
    ":method": "POST",
    ":scheme": "http",
    // A socket's path is not a host name, and servers reject an invalid one.
    ":authority": "localhost",
    ":path": path,
    te: "trailers",
    "content-type": "application/grpc",
    "user-agent": "berth",
    ...(Number.isFinite(timeoutMs) && { "grpc-timeout": grpcTimeout(timeoutMs) }),
  };
}

const maxTimeout = 99_999_999;

/** At most eight digits and a unit, rounded up. */
function grpcTimeout(timeoutMs: number): string {
  const milliseconds = Math.max(Math.ceil(timeoutMs), 1);
  if (milliseconds <= maxTimeout) return `${milliseconds}m`;
  return `${Math.min(Math.ceil(milliseconds / 1000), maxTimeout)}S`;
}
