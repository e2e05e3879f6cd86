/**
 * A thread that parses diagrams with Mermaid's own parser. Mermaid needs a DOM, which it takes from the globals; a
 * thread has globals of its own, so those of the process stay clean, and a diagram that hangs the parser can be ended.
 *
 * In: `{ id, text }`. Out: `{ id, error: null | { message, unexpected?, line?, column? } }`, once `{ ready: true }`.
 * It is plain JavaScript because Node starts threads from files and the tests run from the TypeScript sources.
 */
import { parentPort } from 'node:worker_threads';
import { JSDOM } from 'jsdom';

const { window } = new JSDOM('');
Object.assign(globalThis, { window, document: window.document });
const { default: mermaid } = await import('mermaid');
mermaid.initialize({ startOnLoad: false, securityLevel: 'strict', suppressErrorRendering: true });

parentPort.on('message', async ({ id, text }) => {
  try {
    await mermaid.parse(text);
    parentPort.postMessage({ id, error: null });
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
