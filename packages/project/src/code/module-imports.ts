import ts from 'typescript';

/** One import, re-export, `import()` or `require()` of a module that remains after types are stripped. */
export interface ModuleImport {
  specifier: string;
  line: number;
  column: number;
  /** `import()`: loaded when reached, not when the module is. */
  dynamic: boolean;
}

/** One use of a global name that the module does not declare itself. */
export interface GlobalUse {
  name: string;
  line: number;
  column: number;
}

export interface ModuleFacts {
  imports: ModuleImport[];
  globals: GlobalUse[];
  syntaxErrors: { line: number; column: number; message: string }[];
}

/**
 * Reads a module's imports and uses of the given globals off its syntax. Imports that TypeScript drops, because they
 * are written `type` or because only types use them, are left out: they never reach a bundle.
 */
export function readModule(file: string, text: string, globals: ReadonlyMap<string, unknown>): ModuleFacts {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.ES2023, true);
  const reader = new Reader(source, globals);
  reader.visit(source);
  return { imports: reader.imports(), globals: reader.globals(), syntaxErrors: syntaxErrors(file, text) };
}

function syntaxErrors(file: string, text: string): ModuleFacts['syntaxErrors'] {
  const { diagnostics } = ts.transpileModule(text, {
    fileName: file,
    reportDiagnostics: true,
    compilerOptions: { target: ts.ScriptTarget.ES2023, module: ts.ModuleKind.ESNext, allowJs: true },
  });
  return (diagnostics ?? []).flatMap((diagnostic) => {
    if (!diagnostic.file || diagnostic.start === undefined) return [];
    const message = ts.flattenDiagnosticMessageText(diagnostic.messageText, ' ');
    return [{ ...position(diagnostic.file, diagnostic.start), message }];
  });
}

function position(source: ts.SourceFile, offset: number): { line: number; column: number } {
  const { line, character } = source.getLineAndCharacterOfPosition(offset);
  return { line: line + 1, column: character + 1 };
}

class Reader {
  private readonly declarations: { node: ts.ImportDeclaration; specifier: string }[] = [];
  private readonly found: ModuleImport[] = [];
  private readonly values = new Set<string>();
  private readonly declared = new Set<string>();
  private readonly uses: GlobalUse[] = [];
  private readonly isTypeScript: boolean;

  constructor(
    private readonly source: ts.SourceFile,
    private readonly names: ReadonlyMap<string, unknown>,
  ) {
    this.isTypeScript = source.fileName.endsWith('ts');
  }

  imports(): ModuleImport[] {
    const kept = this.declarations.filter(({ node }) => this.survives(node));
    const statics = kept.map(({ node, specifier }) => this.import(specifier, node.moduleSpecifier, false));
    return [...statics, ...this.found].sort((a, b) => a.line - b.line || a.column - b.column);
  }

  globals(): GlobalUse[] {
    return this.uses.filter(({ name }) => !this.declared.has(name));
  }

  visit(node: ts.Node): void {
    if (ts.isImportDeclaration(node)) return this.importDeclaration(node);
    if (ts.isImportEqualsDeclaration(node)) this.importEquals(node);
    else if (ts.isExportDeclaration(node)) this.exportDeclaration(node);
    else if (ts.isCallExpression(node)) this.call(node);
    else if (ts.isIdentifier(node)) this.identifier(node);
    // `extends Base` is a value although the syntax tree files it under types.
    if (ts.isExpressionWithTypeArguments(node)) {
      if (isClassExtends(node.parent)) this.visit(node.expression);
      return;
    }
    if (ts.isTypeNode(node) || ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node)) return;
    ts.forEachChild(node, (child) => this.visit(child));
  }

  private importDeclaration(node: ts.ImportDeclaration): void {
    const clause = node.importClause;
    const bindings = clause?.namedBindings;
    if (clause?.name) this.declared.add(clause.name.text);
    if (bindings && ts.isNamespaceImport(bindings)) this.declared.add(bindings.name.text);
    else bindings?.elements.forEach((element) => this.declared.add(element.name.text));
    if (ts.isStringLiteral(node.moduleSpecifier))
      this.declarations.push({ node, specifier: node.moduleSpecifier.text });
  }

  /** Whether an import is still there when types are stripped. */
  private survives(node: ts.ImportDeclaration): boolean {
    const clause = node.importClause;
    if (!clause || !this.isTypeScript) return true;
    if (clause.isTypeOnly) return false;
    const used = (name: ts.Identifier): boolean => this.values.has(name.text);
    if (clause.name && used(clause.name)) return true;
    const bindings = clause.namedBindings;
    if (!bindings) return false;
    if (ts.isNamespaceImport(bindings)) return used(bindings.name);
    return bindings.elements.some((element) => !element.isTypeOnly && used(element.name));
  }

  private importEquals(node: ts.ImportEqualsDeclaration): void {
    this.declared.add(node.name.text);
    const reference = node.moduleReference;
    if (node.isTypeOnly || !ts.isExternalModuleReference(reference)) return;
    if (ts.isStringLiteral(reference.expression))
      this.found.push(this.import(reference.expression.text, reference.expression, false));
  }

  private exportDeclaration(node: ts.ExportDeclaration): void {
    const { moduleSpecifier, exportClause } = node;
    if (!moduleSpecifier || !ts.isStringLiteral(moduleSpecifier) || node.isTypeOnly) return;
    const named = exportClause && ts.isNamedExports(exportClause) ? exportClause.elements : undefined;
    if (named && named.length > 0 && named.every((element) => element.isTypeOnly)) return;
    this.found.push(this.import(moduleSpecifier.text, moduleSpecifier, false));
  }

  private call(node: ts.CallExpression): void {
    const [argument] = node.arguments;
    const dynamic = node.expression.kind === ts.SyntaxKind.ImportKeyword;
    const required = ts.isIdentifier(node.expression) && node.expression.text === 'require';
    if (!dynamic && !required) return;
    const specifier = argument && ts.isStringLiteralLike(argument) ? argument.text : '';
    this.found.push(this.import(specifier, argument ?? node, dynamic));
  }

  private identifier(node: ts.Identifier): void {
    const { parent } = node;
    if (isDeclarationName(parent, node)) {
      this.declared.add(node.text);
      return;
    }
    if (isMemberName(parent, node)) {
      const onGlobal = ts.isPropertyAccessExpression(parent) && isGlobalThis(parent.expression);
      if (onGlobal) this.use(node);
      return;
    }
    this.values.add(node.text);
    if (!ts.isTypeOfExpression(parent) && !isNodeEnv(node)) this.use(node);
  }

  private use(node: ts.Identifier): void {
    if (!this.names.has(node.text)) return;
    this.uses.push({ name: node.text, ...position(this.source, node.getStart(this.source)) });
  }

  private import(specifier: string, at: ts.Node, dynamic: boolean): ModuleImport {
    return { specifier, dynamic, ...position(this.source, at.getStart(this.source)) };
  }
}

function isClassExtends(node: ts.Node): boolean {
  return (
    ts.isHeritageClause(node) && node.token === ts.SyntaxKind.ExtendsKeyword && ts.isClassLike(node.parent)
  );
}

function isGlobalThis(node: ts.Expression): boolean {
  return ts.isIdentifier(node) && node.text === 'globalThis';
}

/** `process.env.NODE_ENV`, which the bundler replaces by a constant. */
function isNodeEnv(node: ts.Identifier): boolean {
  return node.text === 'process' && /^process\.env\.NODE_ENV$/.test(node.parent.parent.getText());
}

function isDeclarationName(parent: ts.Node, node: ts.Identifier): boolean {
  return (
    (ts.isVariableDeclaration(parent) ||
      ts.isParameter(parent) ||
      ts.isBindingElement(parent) ||
      ts.isFunctionDeclaration(parent) ||
      ts.isFunctionExpression(parent) ||
      ts.isClassDeclaration(parent) ||
      ts.isClassExpression(parent) ||
      ts.isEnumDeclaration(parent)) &&
    parent.name === node
  );
}

function isMemberName(parent: ts.Node, node: ts.Identifier): boolean {
  if (ts.isPropertyAccessExpression(parent)) return parent.name === node;
  if (ts.isBindingElement(parent)) return parent.propertyName === node;
  return (
    (ts.isPropertyAssignment(parent) ||
      ts.isMethodDeclaration(parent) ||
      ts.isPropertyDeclaration(parent) ||
      ts.isAccessor(parent) ||
      ts.isEnumMember(parent) ||
      ts.isPropertySignature(parent)) &&
    parent.name === node
  );
}
