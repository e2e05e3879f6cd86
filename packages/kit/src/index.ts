export { failpoint, FailpointError } from './failpoints.js';
export { FairLimit } from './fair-limit.js';
export { KeyedCount } from './keyed-count.js';
export { createLogger, type Logger } from './logger.js';
export { runtimeTokens, type RuntimeClaims, type RuntimeTokens } from './runtime-token.js';
export { callsAtOnce, parseEnv, runSecondsSchema, secretFromEnv, switchSchema } from './settings.js';
export { TokenBucket, TokenBuckets, type Rate } from './token-bucket.js';
export { onShutdown, exitWhenParentDies, runMain } from './lifecycle.js';
export {
  parseTemporalSettings,
  temporalConnectionOptions,
  type TemporalSettings,
  type TemporalConnectionOptions,
} from './temporal-settings.js';
