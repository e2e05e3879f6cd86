import { valueAt, type Acknowledgement } from '@pegasus-workflows/contracts';

/** What the placeholders of a template can say. */
export interface AcknowledgedEvent {
  eventId: string;
  receivedAt: string;
  /** The partner's body, parsed. */
  payload: unknown;
}

/** An answer, complete. */
export interface Answer {
  status: number;
  headers: Record<string, string>;
  body: string | null;
}

const PLACEHOLDER = /\{\{\s*([^\s{}]{1,256})\s*\}\}/g;
const WHOLE_PLACEHOLDER = /^\{\{\s*([^\s{}]{1,256})\s*\}\}$/;
const DEFAULT: Acknowledgement = {
  status: 200,
  headers: {},
  body: { received: true, eventId: '{{eventId}}' },
};

/**
 * The answer that a partner expects. In a template of JSON, values take their places in the tree, never in its text: a
 * leaf that is one placeholder becomes the value itself, whatever its type, and what is missing becomes null. In a
 * template of text, values are text, and what is missing is nothing.
 */
export function renderAcknowledgement(template: Acknowledgement | null, event: AcknowledgedEvent): Answer {
  const { status, headers, body } = template ?? DEFAULT;
  const given = new Map(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
  const answer = (type: string | undefined, text: string | null): Answer => {
    if (type !== undefined && !given.has('content-type')) given.set('content-type', type);
    // What a partner sent may be in it: no browser shall take it for anything else.
    given.set('x-content-type-options', 'nosniff');
    return { status, headers: Object.fromEntries(given), body: text };
  };
  if (body === undefined) return answer(undefined, null);
  if (typeof body !== 'string') return answer('application/json', JSON.stringify(fill(body, event)));
  const escape = /xml/i.test(given.get('content-type') ?? '') ? escapeXml : (text: string) => text;
  return answer('text/plain; charset=utf-8', fillText(body, event, escape));
}

function fill(part: unknown, event: AcknowledgedEvent): unknown {
  if (typeof part === 'string') {
    const whole = WHOLE_PLACEHOLDER.exec(part)?.[1];
    return whole === undefined ? fillText(part, event, (text) => text) : (lookUp(whole, event) ?? null);
  }
  if (Array.isArray(part)) return part.map((one) => fill(one, event));
  if (typeof part !== 'object' || part === null) return part;
  return Object.fromEntries(Object.entries(part).map(([key, value]) => [key, fill(value, event)]));
}

function fillText(template: string, event: AcknowledgedEvent, escape: (text: string) => string): string {
  return template.replace(PLACEHOLDER, (_all, path: string) => {
    const value = lookUp(path, event) ?? '';
    return escape(typeof value === 'string' ? value : JSON.stringify(value));
  });
}

function lookUp(path: string, event: AcknowledgedEvent): unknown {
  if (path === 'eventId' || path === 'receivedAt') return event[path];
  return valueAt(event.payload, path);
}

function escapeXml(text: string): string {
  return text.replace(/[<>&'"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
