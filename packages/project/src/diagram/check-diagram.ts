import { LIMITS } from '@pegasus-workflows/contracts';
import { normalizeDiagram } from '../manifest/diagram-text.js';
import type { Problem } from '../problems/index.js';
import { type MermaidError, MermaidThread, type Outline } from './mermaid-thread.js';

/** Mermaid parses 50 000 characters of an ordinary diagram in far less, even on a busy machine. */
const PARSE_MS = 10_000;
const thread = new MermaidThread();

/**
 * What is wrong with a diagram by Mermaid's own parser: an empty list, or one problem with the line and column where
 * Mermaid tells them. The first call of a process takes about a second, later ones milliseconds.
 *
 * @param file how the problem names the diagram
 */
export async function checkDiagram(text: string, file = 'workflow.mmd'): Promise<Problem[]> {
  const diagram = normalizeDiagram(text);
  const fix = 'write a Mermaid diagram, such as "flowchart TD"';
  if (diagram.trim() === '') return [{ file, message: 'is empty', fix }];
  if (diagram.length > LIMITS.diagramCharacters)
    return [
      {
        file,
        message: `has ${diagram.length} characters; the most is ${LIMITS.diagramCharacters}`,
        fix: 'draw fewer details',
      },
    ];
  const error = await thread.parse(diagram, PARSE_MS);
  return error ? [toProblem(error, diagram, file)] : [];
}

/** What a diagram shows; undefined when {@link checkDiagram} finds a problem in it. */
export async function outlineDiagram(text: string): Promise<Outline | undefined> {
  const diagram = normalizeDiagram(text);
  if (diagram.trim() === '' || diagram.length > LIMITS.diagramCharacters) return undefined;
  return thread.outline(diagram, PARSE_MS);
}

/** Loads Mermaid before the first diagram comes. */
export async function warmUpDiagrams(): Promise<void> {
  await thread.parse('flowchart TD\n  a --> b', PARSE_MS);
}

/** Ends the thread, for a process that wants its memory back. */
export function closeDiagrams(): Promise<void> {
  return thread.close();
}

function toProblem(error: MermaidError, diagram: string, file: string): Problem {
  if (error.message.startsWith('No diagram type detected'))
    return {
      file,
      line: 1,
      column: 1,
      message: 'is not Mermaid: its first word names no type of diagram',
      fix: 'begin with a type such as "flowchart TD", "sequenceDiagram" or "stateDiagram-v2"',
    };
  const parsed = error.line ?? lineIn(error.message);
  const line = parsed === undefined ? undefined : originalLine(diagram, parsed);
  const last = diagram.trimEnd().split('\n').length;
  if (line === undefined || line > last) {
    const position = line === undefined ? {} : { line: last };
    return { file, ...position, message: describe(error), fix: 'correct the diagram at this place' };
  }
  const position = { line, ...(error.column === undefined ? {} : { column: error.column }) };
  return { file, ...position, message: describe(error), fix: 'correct the diagram at this place' };
}

function describe({ message, unexpected }: MermaidError): string {
  if (unexpected === undefined) return `is not valid Mermaid: ${message.split('\n')[0]}`;
  const what = unexpected.trim();
  return `is not valid Mermaid: unexpected ${what === '' ? 'end of line' : JSON.stringify(what.slice(0, 80))}`;
}

function lineIn(message: string): number | undefined {
  const found = /line:? (\d+)/i.exec(message)?.[1];
  return found === undefined ? undefined : Number(found);
}

/** Mermaid drops front matter and comments before it parses, and counts lines in what is left. */
function originalLine(diagram: string, line: number): number {
  const frontMatter = /^-{3}\s*\n.*?\n-{3}\s*\n+/s.exec(diagram)?.[0] ?? '';
  const body = diagram.slice(frontMatter.length);
  const kept: number[] = [];
  const droppedSpans = [...body.matchAll(/^\s*%%(?!\{)[^\n]+\n?/gm)].map((match) => ({
    start: match.index,
    end: match.index + match[0].length,
  }));
  let offset = 0;
  body.split('\n').forEach((text, index) => {
    const start = offset;
    offset += text.length + 1;
    if (!droppedSpans.some((span) => start >= span.start && start < span.end)) kept.push(index + 1);
  });
  // Blank lines at the top are trimmed away as well.
  const lines = body.split('\n');
  while (kept.length > 0 && lines[kept[0]! - 1]!.trim() === '') kept.shift();
  const before = frontMatter.split('\n').length - 1;
  return before + (kept[line - 1] ?? (kept.at(-1) ?? 0) + 1);
}
