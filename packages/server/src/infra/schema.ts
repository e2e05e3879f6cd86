/**
 * The tables. Every table with a `tenant_id` has row-level security (the migrations say how): a query made for one
 * tenant sees no other tenant's rows, even if it forgets its `where`. Every change of a configuration table is
 * written into `audit_log` by a database trigger, in the same transaction.
 */
export { apiKeys, auditLog, platform, principals, tenants } from './schema/access.js';
export * from './schema/agents.js';
export * from './schema/batches.js';
export * from './schema/events.js';
export * from './schema/executions.js';
export * from './schema/integrations.js';
export * from './schema/logs.js';
export * from './schema/messages.js';
export * from './schema/payloads.js';
export * from './schema/stored-values.js';
export * from './schema/webhooks.js';
export * from './schema/workflows.js';
