import {
  dispatchBudgetSchema,
  permissionDecisionSchema,
  subagentEventSchema,
  subagentResultSchema,
  subagentTaskSchema,
} from '@pegasus-workflows/contracts/agents';
import { z } from 'zod';

const SHAPES = {
  budget: dispatchBudgetSchema,
  task: subagentTaskSchema,
  permissionDecision: permissionDecisionSchema,
  result: subagentResultSchema,
  event: subagentEventSchema,
};

/** A JSON Schema (draft 2020-12) of each shape, by its name. Made when asked for: few callers want them. */
export function agentJsonSchemas(): Record<keyof typeof SHAPES, Record<string, unknown>> {
  const entries = Object.entries(SHAPES).map(([name, shape]) => [name, z.toJSONSchema(shape)]);
  return Object.fromEntries(entries) as Record<keyof typeof SHAPES, Record<string, unknown>>;
}
