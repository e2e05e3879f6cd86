import { createHash } from 'node:crypto';
import { normalizeDiagram } from '../manifest/diagram-text.js';

const MARK = /^%% Drawn from the code by `pegasus-workflows diagram --draw`, ([0-9a-f]{12})\n/;

/** Puts a first line on a drawn diagram by which it is known again, as long as nobody edits it. */
export function markDrawn(text: string): string {
  return `%% Drawn from the code by \`pegasus-workflows diagram --draw\`, ${digest(text)}\n${text}`;
}

/** Whether a diagram is as it was drawn: nothing of a person's work is in it. */
export function isDrawnDiagram(text: string): boolean {
  const diagram = normalizeDiagram(text);
  const [line, found] = MARK.exec(diagram) ?? [];
  return line !== undefined && found === digest(diagram.slice(line.length));
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 12);
}
