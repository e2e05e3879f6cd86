import {
  diagramCheckSchema,
  downloadUrlSchema,
  executionSchema,
  handlersSchema,
  historyExportSchema,
  historySchema,
  manifestSchema,
  pauseAnswerSchema,
  queryAnswerSchema,
  requirementSchema,
  requirementsSummarySchema,
  resetAnswerSchema,
  updateAnswerSchema,
  uploadUrlSchema,
  workflowSchema,
} from '@pegasus-workflows/contracts';
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
export const readHistory = historySchema;
export const readHistoryExport = historyExportSchema;
export const readHandlers = handlersSchema;
export const readQueryAnswer = queryAnswerSchema;
export const readUpdateAnswer = updateAnswerSchema;
export const readResetAnswer = resetAnswerSchema;
export const readPauseAnswer = pauseAnswerSchema;
export const readUploadUrl = uploadUrlSchema.extend({ expiresInSeconds: z.number() });
export const readDownloadUrl = downloadUrlSchema.extend({ expiresInSeconds: z.number() });
export const readRequirementsSummary = requirementsSummarySchema;
