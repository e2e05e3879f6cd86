import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type z } from 'zod';
import {
  connectionSchema,
  dataOf,
  deadLetterSchema,
  domainEventSchema,
  downloadUrlSchema,
  emittedSchema,
  errorBodySchema,
  eventDetailSchema,
  eventTypeSchema,
  executionSchema,
  externalAnswerSchema,
  handlersSchema,
  historyExportSchema,
  historySchema,
  ingressSchema,
  listOf,
  projectionSchema,
  projectionsPageSchema,
  recordedMutationSchema,
  queryAnswerSchema,
  requirementsSummarySchema,
  smsProviderSchema,
  smsSentSchema,
  uploadUrlSchema,
  webhookMessageSchema,
  webhookSchema,
  workflowSchema,
} from './index.js';

const GOLDEN = new URL('../golden/', import.meta.url);

/** The shape of each golden file, by the longest prefix of its name. */
const SHAPES: Record<string, z.ZodType> = {
  'upload-url': dataOf(uploadUrlSchema),
  'download-url': dataOf(downloadUrlSchema),
  workflow: dataOf(workflowSchema),
  'workflow-list': listOf(workflowSchema),
  'requirements-summary': dataOf(requirementsSummarySchema),
  execution: dataOf(executionSchema),
  'execution-list': listOf(executionSchema),
  'execution-history': dataOf(historySchema),
  'execution-history-export': dataOf(historyExportSchema),
  'execution-handlers': dataOf(handlersSchema),
  'execution-query': dataOf(queryAnswerSchema),
  ingress: dataOf(ingressSchema),
  webhook: dataOf(webhookSchema),
  'webhook-message': webhookMessageSchema,
  'event-type': dataOf(eventTypeSchema),
  'event-emitted': dataOf(emittedSchema),
  'event-detail': dataOf(eventDetailSchema),
  'event-list': listOf(domainEventSchema),
  'event-dead-letters': listOf(deadLetterSchema),
  projection: dataOf(projectionSchema),
  'projection-page': projectionsPageSchema,
  'mutation-list': listOf(recordedMutationSchema),
  'sms-sent': dataOf(smsSentSchema),
  'sms-provider': dataOf(smsProviderSchema),
  connection: dataOf(connectionSchema),
  'external-answer': dataOf(externalAnswerSchema),
  error: errorBodySchema,
};

describe('golden wire files', () => {
  it.each(readdirSync(GOLDEN).filter((file) => file.endsWith('.json')))(
    '%s has exactly its shape',
    (file) => {
      const [shape] = Object.keys(SHAPES)
        .filter((prefix) => file.startsWith(prefix))
        .sort((a, b) => b.length - a.length);
      const golden: unknown = JSON.parse(readFileSync(new URL(file, GOLDEN), 'utf8'));
      // Parsing drops unknown keys, so equality says that there are none.
      expect(SHAPES[shape!]!.parse(golden)).toEqual(golden);
    },
  );
});
