export type ServiceProtocol = "TCP" | "UDP" | "SCTP";

/** An endpoint of either family; a service's address leads only to endpoints of the same family. */
export type Endpoint = { readonly ip: string; readonly port: number };

/** A port of a service and its current endpoints. */
export type ServedPort = {
  readonly name?: string;
  readonly protocol: ServiceProtocol;
  readonly port: number;
  /** A port on all addresses of the machine that leads there, too. */
  readonly nodePort?: number;
  readonly endpoints: readonly Endpoint[];
};

/** A service: a name and, unless it is headless, addresses inside the machine. */
export type Service = {
  readonly namespace: string;
  readonly name: string;
  /**
   * At most one IPv4 and one IPv6 address; none for a headless service, whose name resolves to its members,
   * and for an alias. Node ports have the same families.
   */
  readonly addresses: readonly string[];
  /** The external name for which the service is an alias. */
  readonly alias?: string;
  /** Whether connections from one address go to the same endpoint, as long as endpoints do not change. */
  readonly sticky: boolean;
  readonly ports: readonly ServedPort[];
  /** The pods behind it; a pod with a host name has its own name below the service's. */
  readonly members: readonly { readonly ip: string; readonly hostname?: string }[];
};
