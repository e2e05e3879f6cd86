export { type OnProgress, type Progress } from './progress.js';
export { ensureTemporal, type EnsureTemporalOptions, type TemporalBinary } from './temporal/ensure.js';
export { startDevServer, type DevServer, type DevServerOptions } from './temporal/dev-server.js';
export { probeTemporal, waitForTemporal } from './temporal/health.js';
