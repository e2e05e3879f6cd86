export { effectsOfCommand, type BashEffect } from './bash/analyse.js';
export { effectsOfBash } from './calls.js';
export { resolvePath, workspaceRoot } from './paths/resolve.js';
export { foldOf, traitsOf, type FileSystemTraits } from './paths/traits.js';
export {
  ceilingOf,
  ceilingSchema,
  childCeiling,
  meet,
  type Ceiling,
  type CeilingRequest,
} from './permissions/ceiling.js';
export { PermissionEngine, type Decision } from './permissions/decide.js';
export { EFFECT_KINDS, type Effect, type EffectKind, type PathRef } from './permissions/effects.js';
export { isAtMost, type Ruling, type Verdict } from './permissions/verdict.js';
export { type Fold } from './permissions/patterns.js';
export { ROLE_PROFILES, type RoleProfile } from './roles/registry.js';
export { nextInput } from './budgets/estimate.js';
export {
  closeChild,
  grantCall,
  openAccount,
  openChild,
  restOf,
  settleCall,
  type Account,
  type CallRequest,
  type Exhausted,
  type Grant,
  type WholeBudget,
} from './budgets/ledger.js';
export { costOf, priceTableSchema, type PriceTable, type Usage } from './budgets/prices.js';
export { EventLog, type EventLogOptions } from './log/event-log.js';
export { readLog, verifyLog, type Verified } from './log/read-log.js';
export { type Head, type LogBody, type LogLine } from './log/records.js';
