import {
  acknowledgementSchema,
  backfillSchema,
  configSchema,
  deadLetterSchema,
  deliveredSchema,
  connectionSchema,
  connectionTestSchema,
  diagramCheckSchema,
  dispatchSchema,
  domainEventSchema,
  downloadUrlSchema,
  emittedSchema,
  eventDetailSchema,
  eventTypeSchema,
  executionSchema,
  externalAnswerSchema,
  gateReportSchema,
  handlersSchema,
  historyExportSchema,
  historySchema,
  logSchema,
  integrationConfigSchema,
  integrationRequirementsSchema,
  integrationSummarySchema,
  integrationVersionSchema,
  mappedFromExternalSchema,
  mappedToExternalSchema,
  recordVerdictSchema,
  ingressSchema,
  ingressWithSecretSchema,
  manifestSchema,
  masterKeysSchema,
  payloadKeySchema,
  pauseAnswerSchema,
  projectionSchema,
  projectionsPageSchema,
  queryAnswerSchema,
  recordedMutationSchema,
  replayedSchema,
  requirementSchema,
  requirementsSummarySchema,
  runtimeValueSchema,
  secretSchema,
  signatureSchemeSchema,
  smsMessageSchema,
  smsOptOutSchema,
  smsProviderSchema,
  smsSentSchema,
  triggerSchema,
  resetAnswerSchema,
  updateAnswerSchema,
  uploadUrlSchema,
  webhookDeliverySchema,
  webhookSchema,
  webhookTestSchema,
  webhookWithSecretSchema,
  workflowSchema,
} from '@pegasus-workflows/contracts';
import { dispatchBudgetSchema, subagentTaskSchema } from '@pegasus-workflows/contracts/agents';
import { z } from 'zod';

/**
 * The contract's shapes as a reader takes them. What an author writes is checked strictly; what a server answers is
 * read tolerantly, so that a field added tomorrow does not break a client of today: unknown keys are dropped, and
 * a changed lifetime of a URL is no error. Unknown values of known fields stay errors that name the field.
 */
const readRequirement = z.object(requirementSchema.shape);
const readDiagramCheck = z.object({
  ...diagramCheckSchema.shape,
  missing: z.array(z.object(diagramCheckSchema.shape.missing.element.shape)),
  unknown: z.array(z.object(diagramCheckSchema.shape.unknown.element.shape)),
});
const readManifest = z.object({
  ...manifestSchema.shape,
  diagramCheck: readDiagramCheck.optional(),
  requiredSecrets: z.array(readRequirement).optional(),
  requiredConfigs: z.array(readRequirement).optional(),
});

export const readWorkflow = workflowSchema.extend({ manifest: readManifest });
export const readExecution = executionSchema;
export const readLog = logSchema;
export const readHistory = historySchema;
export const readHistoryExport = historyExportSchema;
export const readHandlers = handlersSchema;
export const readQueryAnswer = queryAnswerSchema;
export const readMutation = recordedMutationSchema;
export const readTrigger = triggerSchema;
export const readBackfill = backfillSchema;
export const readEventType = eventTypeSchema;
export const readEmitted = emittedSchema;
export const readEvent = domainEventSchema;
export const readEventDetail = eventDetailSchema;
export const readDeadLetter = deadLetterSchema;
export const readReplayed = replayedSchema;
export const readUpdateAnswer = updateAnswerSchema;
export const readResetAnswer = resetAnswerSchema;
export const readPauseAnswer = pauseAnswerSchema;
export const readUploadUrl = uploadUrlSchema.extend({ expiresInSeconds: z.number() });
export const readDownloadUrl = downloadUrlSchema.extend({ expiresInSeconds: z.number() });
export const readRequirementsSummary = requirementsSummarySchema;

/** What was accepted once is accepted when it is read, whatever the rules for new ones are. */
const ingressParts = {
  signature: z.object(signatureSchemeSchema.shape).nullable(),
  acknowledgement: z.object(acknowledgementSchema.shape).nullable(),
};
export const readIngress = ingressSchema.extend(ingressParts);
export const readIngressWithSecret = ingressWithSecretSchema.extend(ingressParts);
export const readWebhook = webhookSchema;
export const readWebhookWithSecret = webhookWithSecretSchema;
export const readWebhookDelivery = webhookDeliverySchema;
export const readWebhookTest = webhookTestSchema;
export const readSmsSent = smsSentSchema;
export const readSmsMessage = smsMessageSchema;
export const readSmsProvider = smsProviderSchema;
export const readSmsOptOut = smsOptOutSchema;

export const readSecret = secretSchema;
export const readConfig = configSchema;
export const readRuntimeValue = runtimeValueSchema;
export const readMasterKeys = masterKeysSchema;
export const readPayloadKey = payloadKeySchema;
export const readProjection = projectionSchema;
export const readProjectionsPage = projectionsPageSchema;
export const readConnection = connectionSchema;
export const readConnectionTest = connectionTestSchema;
export const readExternalAnswer = externalAnswerSchema;
export const readIntegrationConfig = integrationConfigSchema;
export const readIntegrationSummary = integrationSummarySchema;
export const readIntegrationVersion = integrationVersionSchema;
export const readGateReport = gateReportSchema;
export const readRecordVerdict = recordVerdictSchema;
export const readMappedToExternal = mappedToExternalSchema;
export const readMappedFromExternal = mappedFromExternalSchema;
export const readIntegrationRequirements = integrationRequirementsSchema;
export const readDelivered = deliveredSchema;

/** A task is strict where it is given: here it has been accepted. */
export const readDispatch = dispatchSchema.extend({
  task: z.object({
    ...subagentTaskSchema.shape,
    budget: z.object(dispatchBudgetSchema.shape).optional(),
  }),
});
