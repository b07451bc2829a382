/** What a request begins with. `timeoutMs` may be Infinity; `metadata` has lower-case keys. */
export function requestHeaders(
  path: string,
  timeoutMs: number,
  metadata: Readonly<Record<string, string>>,
): Record<string, string> {
  return {
    ...metadata,
    ":method": "POST",
    ":scheme": "http",
    // What a socket's path stands for is no name of a host, and servers refuse what cannot be one.
    ":authority": "localhost",
    ":path": path,
    te: "trailers",
    "content-type": "application/grpc",
    "user-agent": "berth",
    ...(Number.isFinite(timeoutMs) && { "grpc-timeout": grpcTimeout(timeoutMs) }),
  };
}

const maxTimeout = 99_999_999;

/** At most eight digits and a unit, never less than was asked for. */
function grpcTimeout(timeoutMs: number): string {
  const milliseconds = Math.max(Math.ceil(timeoutMs), 1);
  if (milliseconds <= maxTimeout) return `${milliseconds}m`;
  return `${Math.min(Math.ceil(milliseconds / 1000), maxTimeout)}S`;
}
