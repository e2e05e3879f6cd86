import {
  deadLetterSchema,
  domainEventSchema,
  emittedSchema,
  eventDetailSchema,
  eventTypeSchema,
  idSchema,
  replayedSchema,
} from '@pegasus-workflows/contracts';
import { z } from 'zod';

export const EVENT_OUTPUTS: Record<string, z.ZodType> = {
  'event-types list': z.array(eventTypeSchema),
  'event-types show': eventTypeSchema,
  'event-types create': eventTypeSchema,
  'event-types update': eventTypeSchema,
  'event-types delete': z.object({ deleted: z.string().describe('As it was named.') }),
  'events emit': emittedSchema.extend({ eventId: idSchema.optional() }),
  'events list': z.array(domainEventSchema),
  'events show': eventDetailSchema,
  'events dead-letters': z.array(deadLetterSchema),
  'events replay': replayedSchema,
  'events discard': z.object({ discarded: z.number().int() }),
};
