import { z } from 'zod';

/** Every action a call can need. A route names exactly one; a key or a running execution holds a set of them. */
export const ACTIONS = [
  'UploadWorkflow',
  'ReadWorkflow',
  'RunWorkflow',
  'CancelWorkflowExecution',
  'RetryWorkflowExecution',
  'SignalWorkflowExecution',
  'ManageWorkflowTriggers',
  'ManageWorkflowSecrets',
  'ManageWorkflowConfigs',
  'ManageEventTypes',
  'EmitTenantEvent',
  'ReadIntegrationConfig',
  'PublishIntegrationConfig',
  'SendSms',
  'ReadWorkflowSecret',
  'ReadWorkflowConfig',
  'ReadIntegrationProjection',
  'WriteIntegrationProjection',
  'CallExternal',
  'ControlWorkflowExecution',
  'RetireWorkflow',
  'ManageMembers',
  'ManageApiKeys',
  'ManageTenants',
  'ReadAuditLog',
  'ManageIntegrationIngress',
  'ManageExternalConnections',
  'ManageSmsProvider',
  'ManageWebhooks',
  'ManagePayloadKeys',
  'DispatchAgent',
  'ReadAgentDispatch',
  'AnswerAgentQuestion',
] as const;
export const actionSchema = z.enum(ACTIONS);
export type Action = z.infer<typeof actionSchema>;

/** What a running execution may be granted through `manifest.requiredActions`. */
export const RUNTIME_ACTIONS = [
  'SendSms',
  'ReadWorkflowSecret',
  'ReadWorkflowConfig',
  'ReadIntegrationProjection',
  'WriteIntegrationProjection',
  'EmitTenantEvent',
  'CallExternal',
  'DispatchAgent',
  'ReadAgentDispatch',
] as const satisfies readonly Action[];

/** Roles of people and service accounts, and what each may do. `workflow_runtime` is absent: no person holds it. */
export const ROLE_ACTIONS = {
  tenant_admin: ACTIONS,
  workflow_developer: [
    'UploadWorkflow',
    'ReadWorkflow',
    'RunWorkflow',
    'CancelWorkflowExecution',
    'RetryWorkflowExecution',
    'SignalWorkflowExecution',
    'ControlWorkflowExecution',
    'RetireWorkflow',
    'ManageWorkflowTriggers',
    'ManageWorkflowSecrets',
    'ManageWorkflowConfigs',
    'ManageEventTypes',
    'EmitTenantEvent',
    'ReadIntegrationConfig',
    'PublishIntegrationConfig',
    'DispatchAgent',
    'ReadAgentDispatch',
    'AnswerAgentQuestion',
  ],
  integration_publisher: ['ReadIntegrationConfig', 'PublishIntegrationConfig'],
} as const satisfies Record<string, readonly Action[]>;

export const ROLES = Object.keys(ROLE_ACTIONS) as [Role, ...Role[]];
export type Role = keyof typeof ROLE_ACTIONS;
export const roleSchema = z.enum(ROLES);

/** The actions a set of roles adds up to. */
export function actionsOf(roles: readonly Role[]): ReadonlySet<Action> {
  return new Set(roles.flatMap((role) => ROLE_ACTIONS[role] as readonly Action[]));
}
