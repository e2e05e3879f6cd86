// The generated guides of the MCP server: the reference pages of the site, made to be read alone, without the site.
import { z } from 'zod';
import * as contracts from '../../packages/contracts/dist/index.js';
import { manifestPage } from '../docs/manifest.mjs';
import { code, fence } from '../docs/markdown.mjs';
import { sdkExports, sdkPage, wireTypes } from '../docs/sdk.mjs';
import { shape } from '../docs/shape.mjs';

const NOTE = '<!-- Made by `npm run guide:generate` from the code. Do not edit. -->';

/** @returns {Record<string, string>} content by file below packages/cli/guide/generated */
export function guidePages() {
  const exported = sdkExports();
  return {
    'manifest.md': `${alone(manifestPage())}\n${manifestExtras()}`,
    'api.md': `${alone(sdkPage(exported))}\n${wireShapes(wireTypes(exported))}`,
  };
}

/** Where what the site links to is found here. */
const ELSEWHERE = { './actions.md': '"Actions" below', './api.md#manifest': 'pegasus://reference/api' };

/** The page with its own note, and without links to pages that are not there. */
function alone(page) {
  return page
    .replace(/^<!--.*-->/, NOTE)
    .replace(/\[([^\]]+)\]\((\.{0,2}\/[^)]*)\)/g, (_, words, target) => ELSEWHERE[target] ?? words);
}

/** What an agent would otherwise have to look up: the ids a manifest may name. */
function manifestExtras() {
  const runtime = contracts.RUNTIME_ACTIONS.map((action) => `- ${code(action)}`);
  const { shape: wire } = contracts.manifestSchema;
  return [
    '## Actions',
    'What `required_actions` may name. A running execution can be granted these:',
    runtime.join('\n'),
    `Known too, and of no use to a run: ${contracts.ACTIONS.filter(
      (action) => !contracts.RUNTIME_ACTIONS.includes(action),
    )
      .map(code)
      .join(', ')}.`,
    '## Names on the wire',
    Object.keys(wire)
      .filter((key) => key !== 'diagram' && key !== 'diagramCheck')
      .map((key) => `- ${code(snakeCase(key))} is ${code(key)}`)
      .join('\n'),
    '`source_dir` and `activities` say where the sources are and do not travel.',
    '',
  ].join('\n\n');
}

/** The shapes behind the SDK's types of the wire, from the schemas that check them. */
function wireShapes(names) {
  const sections = [...names].sort().flatMap((name) => {
    const schema = contracts[`${name.charAt(0).toLowerCase()}${name.slice(1)}Schema`];
    // What only the SDK reads has no shape of its own here.
    return schema ? [`### ${name}`, fence('text', shapeOf(schema))] : [];
  });
  return ['## Shapes of the wire', ...sections, ''].join('\n\n');
}

/** Every whole number has the least safe integer as its bound, which says nothing. */
function shapeOf(schema) {
  return shape(z.toJSONSchema(schema, { io: 'input' })).replaceAll(
    `   // at least ${Number.MIN_SAFE_INTEGER}`,
    '',
  );
}

function snakeCase(key) {
  return key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
