import ts from 'typescript';
import { isRelative, type ReadSource, resolveRelative } from './resolve-module.js';

/**
 * What the source says about one export. `unknown` is an export whose value only running the code would tell (the
 * result of a call, something out of a package): it is there, and not known to be wrong.
 */
export type ExportVerdict =
  { kind: 'function' | 'unknown' | 'missing' } | { kind: 'not-function'; is: string };

const FUNCTION: ExportVerdict = { kind: 'function' };
const UNKNOWN: ExportVerdict = { kind: 'unknown' };
const MISSING: ExportVerdict = { kind: 'missing' };

/**
 * Looks up a named export of a TypeScript or JavaScript module by its syntax alone, following re-exports through
 * relative imports. Nothing is executed and no type is checked.
 *
 * @param file the module, as `read` knows it
 */
export function findExport(file: string, name: string, read: ReadSource): ExportVerdict {
  return new Lookup(read).inModule(file, name);
}

class Lookup {
  private readonly visited = new Set<string>();
  constructor(private readonly read: ReadSource) {}

  inModule(file: string, name: string): ExportVerdict {
    const id = `${file}:${name}`;
    if (this.visited.has(id)) return MISSING;
    this.visited.add(id);
    const text = this.read(file);
    if (text === undefined) return MISSING;
    const source = ts.createSourceFile(file, text, ts.ScriptTarget.ES2023, false);
    let fallback: ExportVerdict = MISSING;
    for (const statement of source.statements) {
      const found = this.inStatement(source, statement, name, file);
      if (!found) continue;
      if (found.kind !== 'missing' && !isStar(statement)) return found;
      if (fallback.kind === 'missing') fallback = found;
    }
    return fallback;
  }

  private inStatement(
    source: ts.SourceFile,
    statement: ts.Statement,
    name: string,
    file: string,
  ): ExportVerdict | undefined {
    if (ts.isExportDeclaration(statement)) return this.inExportDeclaration(source, statement, name, file);
    if (ts.isExpressionStatement(statement)) return this.inCommonJs(source, statement.expression, name, file);
    if (!isExported(statement)) return undefined;
    return this.declared(source, statement, name, file);
  }

  private inExportDeclaration(
    source: ts.SourceFile,
    statement: ts.ExportDeclaration,
    name: string,
    file: string,
  ): ExportVerdict | undefined {
    const { exportClause, moduleSpecifier } = statement;
    const specifier =
      moduleSpecifier && ts.isStringLiteral(moduleSpecifier) ? moduleSpecifier.text : undefined;
    if (!exportClause) return statement.isTypeOnly ? undefined : this.from(file, specifier, name);
    if (ts.isNamespaceExport(exportClause))
      return exportClause.name.text === name ? { kind: 'not-function', is: 'a module namespace' } : undefined;
    const element = exportClause.elements.find((candidate) => candidate.name.text === name);
    if (!element) return undefined;
    if (statement.isTypeOnly || element.isTypeOnly) return { kind: 'not-function', is: 'a type' };
    const original = (element.propertyName ?? element.name).text;
    return specifier === undefined
      ? this.local(source, original, file)
      : this.from(file, specifier, original);
  }

  private from(file: string, specifier: string | undefined, name: string): ExportVerdict {
    if (specifier === undefined) return MISSING;
    if (!isRelative(specifier)) return UNKNOWN;
    const target = resolveRelative(file, specifier, this.read);
    return target === undefined ? UNKNOWN : this.inModule(target, name);
  }

  /** A name at the top level of a module, exported or not, imported names included. */
  private local(source: ts.SourceFile, name: string, file: string): ExportVerdict {
    for (const statement of source.statements) {
      const found = ts.isImportDeclaration(statement)
        ? this.imported(statement, name, file)
        : this.declared(source, statement, name, file);
      if (found) return found;
    }
    return MISSING;
  }

  private imported(statement: ts.ImportDeclaration, name: string, file: string): ExportVerdict | undefined {
    const clause = statement.importClause;
    const specifier = ts.isStringLiteral(statement.moduleSpecifier)
      ? statement.moduleSpecifier.text
      : undefined;
    if (!clause) return undefined;
    if (clause.name?.text === name) return UNKNOWN;
    const bindings = clause.namedBindings;
    if (!bindings) return undefined;
    if (ts.isNamespaceImport(bindings))
      return bindings.name.text === name ? { kind: 'not-function', is: 'a module namespace' } : undefined;
    const element = bindings.elements.find((candidate) => candidate.name.text === name);
    return element && this.from(file, specifier, (element.propertyName ?? element.name).text);
  }

  private declared(
    source: ts.SourceFile,
    statement: ts.Statement,
    name: string,
    file: string,
  ): ExportVerdict | undefined {
    if (ts.isVariableStatement(statement)) {
      for (const { name: binding, initializer } of statement.declarationList.declarations) {
        if (!ts.isIdentifier(binding)) {
          if (bindsName(binding, name)) return UNKNOWN;
        } else if (binding.text === name)
          return initializer ? this.value(source, initializer, file) : UNKNOWN;
      }
      return undefined;
    }
    const is = KINDS.find(([matches]) => matches(statement))?.[1];
    if (is === undefined) return undefined;
    const declaredName = (statement as ts.DeclarationStatement).name;
    if (!declaredName || !ts.isIdentifier(declaredName) || declaredName.text !== name) return undefined;
    if (is === 'a function') return FUNCTION;
    return { kind: 'not-function', is };
  }

  private value(source: ts.SourceFile, expression: ts.Expression, file: string): ExportVerdict {
    if (
      ts.isParenthesizedExpression(expression) ||
      ts.isAsExpression(expression) ||
      ts.isSatisfiesExpression(expression) ||
      ts.isNonNullExpression(expression)
    )
      return this.value(source, expression.expression, file);
    if (ts.isArrowFunction(expression) || ts.isFunctionExpression(expression)) return FUNCTION;
    if (ts.isIdentifier(expression) && expression.text !== 'undefined')
      return this.local(source, expression.text, file);
    const is = plainValue(expression);
    return is === undefined ? UNKNOWN : { kind: 'not-function', is };
  }

  /** `exports.name = …`, `module.exports.name = …` and `module.exports = { name }`. */
  private inCommonJs(
    source: ts.SourceFile,
    expression: ts.Expression,
    name: string,
    file: string,
  ): ExportVerdict | undefined {
    if (!ts.isBinaryExpression(expression) || expression.operatorToken.kind !== ts.SyntaxKind.EqualsToken)
      return undefined;
    const { left, right } = expression;
    if (!ts.isPropertyAccessExpression(left)) return undefined;
    if (left.name.text === name && isExportsObject(left.expression)) return this.value(source, right, file);
    if (!isExportsObject(left)) return undefined;
    if (!ts.isObjectLiteralExpression(right)) return UNKNOWN;
    for (const property of right.properties) {
      if (!property.name || !ts.isIdentifier(property.name) || property.name.text !== name) continue;
      if (ts.isMethodDeclaration(property)) return FUNCTION;
      if (ts.isShorthandPropertyAssignment(property)) return this.local(source, name, file);
      return ts.isPropertyAssignment(property) ? this.value(source, property.initializer, file) : UNKNOWN;
    }
    return right.properties.some(ts.isSpreadAssignment) ? UNKNOWN : undefined;
  }
}

const KINDS: [(statement: ts.Statement) => boolean, string][] = [
  [ts.isFunctionDeclaration, 'a function'],
  [ts.isClassDeclaration, 'a class'],
  [ts.isEnumDeclaration, 'an enum'],
  [ts.isInterfaceDeclaration, 'an interface'],
  [ts.isTypeAliasDeclaration, 'a type'],
  [ts.isModuleDeclaration, 'a namespace'],
];

function isStar(statement: ts.Statement): boolean {
  return ts.isExportDeclaration(statement) && !statement.exportClause;
}

function isExported(statement: ts.Statement): boolean {
  const modifiers = ts.canHaveModifiers(statement) ? ts.getModifiers(statement) : undefined;
  const kinds = modifiers?.map((modifier) => modifier.kind) ?? [];
  return kinds.includes(ts.SyntaxKind.ExportKeyword) && !kinds.includes(ts.SyntaxKind.DefaultKeyword);
}

function bindsName(pattern: ts.BindingPattern, name: string): boolean {
  return pattern.elements.some(
    (element) =>
      ts.isBindingElement(element) &&
      (ts.isIdentifier(element.name) ? element.name.text === name : bindsName(element.name, name)),
  );
}

function isExportsObject(node: ts.Expression): boolean {
  if (ts.isIdentifier(node)) return node.text === 'exports';
  return (
    ts.isPropertyAccessExpression(node) &&
    node.name.text === 'exports' &&
    ts.isIdentifier(node.expression) &&
    node.expression.text === 'module'
  );
}

function plainValue(expression: ts.Expression): string | undefined {
  if (ts.isStringLiteralLike(expression) || ts.isTemplateExpression(expression)) return 'a string';
  if (ts.isNumericLiteral(expression) || ts.isBigIntLiteral(expression)) return 'a number';
  if (ts.isObjectLiteralExpression(expression)) return 'an object';
  if (ts.isArrayLiteralExpression(expression)) return 'an array';
  if (ts.isClassExpression(expression)) return 'a class';
  if (ts.isRegularExpressionLiteral(expression)) return 'a regular expression';
  const { kind } = expression;
  if (kind === ts.SyntaxKind.TrueKeyword || kind === ts.SyntaxKind.FalseKeyword) return 'a boolean';
  if (kind === ts.SyntaxKind.NullKeyword) return 'null';
  return ts.isIdentifier(expression) && expression.text === 'undefined' ? 'undefined' : undefined;
}
