export type ServiceProtocol = "TCP" | "UDP" | "SCTP";

/** Of either family: an address of a service leads to endpoints of its own family alone. */
export type Endpoint = { readonly ip: string; readonly port: number };

/** A port of a service, and where it leads at the moment. */
export type ServedPort = {
  readonly name?: string;
  readonly protocol: ServiceProtocol;
  readonly port: number;
  /** A port of all addresses of the machine that leads there too. */
  readonly nodePort?: number;
  readonly endpoints: readonly Endpoint[];
};

/** A name and, unless it is headless, addresses inside the machine. */
export type Service = {
  readonly namespace: string;
  readonly name: string;
  /**
   * At most one of IPv4 and one of IPv6; none of a headless service, whose name stands for its members, and
   * of an alias. Node ports are of the same families.
   */
  readonly addresses: readonly string[];
  /** The name of somebody else that the service's stands for. */
  readonly alias?: string;
  /** Connections from one address come to one endpoint, while endpoints stay the same. */
  readonly sticky: boolean;
  readonly ports: readonly ServedPort[];
  /** Pods behind it; one with a host name has a name of its own below the service's. */
  readonly members: readonly { readonly ip: string; readonly hostname?: string }[];
};
