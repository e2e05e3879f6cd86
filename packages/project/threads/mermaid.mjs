/**
 * A thread that parses diagrams with Mermaid's own parser. Mermaid needs a DOM, which it takes from the globals; a
 * thread has globals of its own, so those of the process stay clean, and a diagram that hangs the parser can be ended.
 *
 * In: `{ id, text, outline }`. Out: `{ id, error: null | { message, unexpected?, line?, column? }, outline? }`, once
 * `{ ready: true }`. `outline` asks for what the diagram shows as well: see `Outline` in `src/diagram/mermaid-thread.ts`.
 * It is plain JavaScript because Node starts threads from files and the tests run from the TypeScript sources.
 */
import { parentPort } from 'node:worker_threads';
import { JSDOM } from 'jsdom';

const { window } = new JSDOM('');
Object.assign(globalThis, { window, document: window.document });
const { default: mermaid } = await import('mermaid');
mermaid.initialize({ startOnLoad: false, securityLevel: 'strict', suppressErrorRendering: true });

parentPort.on('message', async ({ id, text, outline }) => {
  try {
    await mermaid.parse(text);
    parentPort.postMessage({ id, error: null, outline: outline ? await outlineOf(text) : undefined });
  } catch (error) {
    parentPort.postMessage({ id, error: describe(error) });
  }
});
parentPort.postMessage({ ready: true });

/** The generated parsers of Mermaid put what they know into `hash`; its newer ones only write a message. */
function describe(error) {
  const message = String(error?.message ?? error);
  const { loc, text } = error?.hash ?? {};
  return {
    message,
    unexpected: typeof text === 'string' ? text : undefined,
    line: typeof loc?.first_line === 'number' ? loc.first_line : undefined,
    column: typeof loc?.first_column === 'number' ? loc.first_column + 1 : undefined,
  };
}

const MARKS = 5_000;
const TEXT = 2_000;

/** What Mermaid's own database holds after parsing; `marks` is absent for a type of diagram that is not read. */
async function outlineOf(text) {
  const { type, db } = await mermaid.mermaidAPI.getDiagramFromText(text);
  const marks = (READERS[type] ?? READERS[type.split('-')[0]])?.(db);
  return { type, marks: marks?.slice(0, MARKS).map(bounded) };
}

const READERS = {
  flowchart: (db) => [
    ...[...db.getVertices().values()].map(({ id, text, type, classes }) => ({
      kind: 'node',
      id,
      // A node without a label shows its id.
      text: text ?? id,
      shape: type,
      classes,
    })),
    ...db.getEdges().map(({ start, end, text }) => ({ kind: 'edge', text, from: start, to: end })),
    ...db.getSubGraphs().map(({ id, title, classes }) => ({ kind: 'group', id, text: title, classes })),
  ],
  sequence: (db) => [
    ...[...db.getActors().values()].map(({ name, description }) => ({
      kind: 'participant',
      id: name,
      text: description,
    })),
    ...db.getMessages().map(({ message, from, to }) => ({ kind: 'message', text: message, from, to })),
  ],
  stateDiagram: (db) => [
    ...db.getData().nodes.map(({ id, label, shape, description }) => ({
      kind: 'state',
      id,
      text: [label, ...[description ?? []].flat()].flat().join('\n'),
      shape,
    })),
    ...db
      .getData()
      .edges.map(({ start, end, label }) => ({ kind: 'edge', text: label, from: start, to: end })),
  ],
};

function bounded({ kind, id, text, shape, classes, from, to }) {
  return {
    kind,
    id: plain(id),
    text: plain(typeof text === 'object' ? (text?.text ?? text?.message) : text),
    shape: plain(shape),
    classes: Array.isArray(classes) ? classes.slice(0, 20).map(plain) : [],
    from: plain(from),
    to: plain(to),
  };
}

/** Mermaid keeps entities in a form of its own until it draws. */
function plain(value) {
  return String(value ?? '')
    .slice(0, TEXT)
    .replaceAll('ﬂ°°', '&#')
    .replaceAll('ﬂ°', '&')
    .replaceAll('¶ß', ';');
}
