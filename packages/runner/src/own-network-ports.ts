/** Where a worker with a network of its own finds its supervisor; each such network has nothing else in it. */
export const OWN_NETWORK = { gateway: 7233, http: 7234, tunnel: 7235 } as const;
export type PortName = keyof typeof OWN_NETWORK;
export const PORT_NAMES = ['gateway', 'http', 'tunnel'] as const satisfies readonly PortName[];

/** The argument that tells a worker that it has one. */
export const OWN_NETWORK_ARGUMENT = '--own-network';
