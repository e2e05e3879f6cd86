import ts from 'typescript';
import { plainWords } from './phrase.js';

/** What a loop or a callback calls each item. */
export function childLabel(node: ts.ForInitializer | ts.ParameterDeclaration | undefined): string {
  const name =
    node && ts.isVariableDeclarationList(node)
      ? node.declarations[0]?.name
      : node && ts.isParameter(node)
        ? node.name
        : undefined;
  return name && ts.isIdentifier(name) ? plainWords(name.text) : 'one';
}
