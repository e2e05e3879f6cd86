import type ts from 'typescript';
import type { ReadSource } from '../../code/resolve-module.js';
import { bindProgram, type EntryFunction } from '../code/program.js';
import { type FunctionNode, Values } from '../code/values.js';
import { Expressions } from './expressions.js';
import { type Flow, hasSteps, type Model } from './flow.js';
import { Statements } from './statements.js';
import { StoredFunctions } from './stored.js';

/** Functions in functions; deeper calls are not drawn. */
const DEPTH = 25;
/** Calls that are followed in all: a diagram of more is none that anybody reads. */
const CALLS = 2_000;

/**
 * The flow of one workflow: its entry function with every call to a function of the project written out.
 *
 * @returns undefined when the entry point is no function whose code is there
 * @throws UnreadableCode when there is more code than a workflow has
 */
export function buildModel(entry: EntryFunction, read: ReadSource): Model | undefined {
  const values = new Values(bindProgram([entry], read));
  const declaration = values.exported(entry.file, entry.exportName);
  const target = declaration && values.ofDeclaration(declaration);
  if (target?.kind !== 'function') return undefined;
  const stored = new StoredFunctions(values);
  const active = new Set<FunctionNode>();
  const collected = new Set<ts.SourceFile>();
  let calls = 0;
  const follow = (node: FunctionNode, at: ts.Node): Flow => {
    if (active.has(node) || active.size >= DEPTH || ++calls > CALLS) return [];
    const source = node.getSourceFile();
    if (!collected.has(source)) stored.collect(source);
    collected.add(source);
    active.add(node);
    const body = statements.body(node.body);
    active.delete(node);
    // A helper that only checks or computes is no part of the picture, its refusals included.
    return hasSteps(body) ? [{ kind: 'call', body, leaves: 'return', at }] : [];
  };
  const expressions = new Expressions(values, stored, follow);
  const statements = new Statements(expressions);
  active.add(target.node);
  stored.collect(target.node.getSourceFile());
  collected.add(target.node.getSourceFile());
  const flow = statements.body(target.node.body);
  return { flow, handlers: [...expressions.handlers.values()] };
}
