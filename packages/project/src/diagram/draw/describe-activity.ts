import ts from 'typescript';
import { isRelative, type ReadSource, resolveRelative } from '../../code/resolve-module.js';

const LONGEST = 70;
/** Modules of re-exports that are followed. */
const MODULES = 20;

/** What only programmers say. */
const TECHNICAL =
  /[`{}<>@]|\b(?:activit(?:y|ies)|code|functions?|node|returns?|promises?|typescript|temporal|idempotent|tests?)\b/i;

/** First sentences of the doc comments of a module's exported functions, those it re-exports included. */
export function describeActivities(
  activitiesModule: string | undefined,
  read: ReadSource,
): (name: string) => string | undefined {
  const sentences = new Map<string, string>();
  const queue = activitiesModule === undefined ? [] : [activitiesModule];
  for (let at = 0; at < queue.length && at < MODULES; at++) {
    const file = queue[at]!;
    const text = read(file);
    if (text === undefined) continue;
    const source = ts.createSourceFile(file, text, ts.ScriptTarget.ES2023, true);
    for (const statement of source.statements) {
      for (const [name, sentence] of described(statement))
        if (!sentences.has(name)) sentences.set(name, sentence);
      const specifier = ts.isExportDeclaration(statement) ? statement.moduleSpecifier : undefined;
      if (!specifier || !ts.isStringLiteral(specifier) || !isRelative(specifier.text)) continue;
      const target = resolveRelative(file, specifier.text, read);
      if (target !== undefined && !queue.includes(target)) queue.push(target);
    }
  }
  return (name) => sentences.get(name);
}

function described(statement: ts.Statement): [string, string][] {
  const sentence = firstSentence(statement);
  if (sentence === undefined) return [];
  if (ts.isFunctionDeclaration(statement) && statement.name) return [[statement.name.text, sentence]];
  if (!ts.isVariableStatement(statement)) return [];
  return statement.declarationList.declarations.flatMap(({ name }) =>
    ts.isIdentifier(name) ? [[name.text, sentence] as [string, string]] : [],
  );
}

/** A short sentence is a label; a long one, or one about code, is for programmers. */
function firstSentence(statement: ts.Statement): string | undefined {
  const comment = ts.getJSDocCommentsAndTags(statement).find(ts.isJSDoc)?.comment;
  const text = ts.getTextOfJSDocComment(comment)?.replace(/\s+/g, ' ').trim();
  const sentence = text && /^(.{3,300}?)(?:[.!?:;](?:\s|$)|$)/.exec(text)?.[1]?.trim();
  if (!sentence || sentence.length > LONGEST || TECHNICAL.test(sentence)) return undefined;
  return sentence;
}
