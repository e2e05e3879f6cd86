export { startPlatform, type Platform, type PlatformOptions, type TenantAccess } from './platform.js';
export { DEFAULT_PORT } from './http-port.js';
export { addMasterKey, type AddedMasterKey } from './data/add-master-key.js';
export { defaultDataDir } from './data/layout.js';
export { diagnose, type DiagnoseOptions, type Finding } from './doctor.js';
export { type OnProgress, type Progress } from './progress.js';
export { ensureTemporal, type EnsureTemporalOptions, type TemporalBinary } from './temporal/ensure.js';
export { startDevServer, type DevServer, type DevServerOptions } from './temporal/dev-server.js';
export { probeTemporal, waitForTemporal } from './temporal/health.js';
