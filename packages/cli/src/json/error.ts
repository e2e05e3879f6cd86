import { z } from 'zod';

/** What a failure carries, wherever it is told. */
export const failureFields = {
  error: z.string().describe('One sentence: what, and why.'),
  code: z.string().describe('A code of the error table; CANCELLED after Ctrl-C before anything was done.'),
  hint: z.string().optional().describe('What to do next.'),
  problems: z.array(z.string()).optional().describe('Every single thing that is wrong.'),
  correlationId: z.string().optional().describe("Of a server's fault: what its log has it under."),
  report: z.unknown().optional().describe('With GATE_FAILED: what the gate has found.'),
  data: z.unknown().optional().describe('What a program may want to know more.'),
};

/** The one document of a command that failed. */
export const errorDocument = z.object(failureFields);
