// What the built packages declare, read with TypeScript's own parser from their .d.ts files: names, signatures, comments.
import path from 'node:path';
import ts from 'typescript';

const ROOT = path.resolve(import.meta.dirname, '../..');

/**
 * @typedef {object} Declared
 * @property {string} name
 * @property {string} comment its doc comment without the stars, empty when there is none
 * @property {string} source the declaration as it is written, comments included, without `export declare`
 * @property {string} kind `function`, `class`, `interface`, `type` or `const`
 */

/**
 * What modules export and this repository declares; what they pass on from other packages is not among it.
 * @param {string[]} files .d.ts files, relative to the root
 * @returns {Declared[][]} for each file, in the order of its source
 */
export function declarations(files) {
  const { checker, exportsOf } = open(files);
  return files.map((file) =>
    exportsOf(file)
      .map((symbol) => (symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol))
      .flatMap((symbol) => (symbol.declarations?.length ? [describe(symbol, checker)] : [])),
  );
}

/** @param {string} file @param {string} constant an object literal's name @returns {Map<string, string>} comment by property */
export function propertyComments(file, constant) {
  const { checker, exportsOf } = open([file]);
  const symbol = exportsOf(file).find((exported) => exported.name === constant);
  if (!symbol) throw new Error(`${file} does not export ${constant}`);
  const properties = checker.getTypeOfSymbol(symbol).getProperties();
  return new Map(properties.map((property) => [property.name, commentOf(property, checker)]));
}

/** A program of our own declarations alone: the rest would cost ten seconds and says nothing here. */
function open(files) {
  const options = {
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    noLib: true,
    types: [],
  };
  const host = ts.createCompilerHost(options);
  host.resolveModuleNameLiterals = (literals, from, _redirected, compilerOptions) =>
    literals.map(({ text }) =>
      /^(\.|@pegasus-workflows\/|pegasus-workflows)/.test(text)
        ? ts.resolveModuleName(text, from, compilerOptions, host, undefined, undefined, ts.ModuleKind.ESNext)
        : { resolvedModule: undefined },
    );
  const paths = files.map((file) => path.join(ROOT, file));
  const program = ts.createProgram(paths, options, host);
  const checker = program.getTypeChecker();
  const exportsOf = (file) => {
    const source = program.getSourceFile(path.join(ROOT, file));
    if (!source) throw new Error(`${file} does not exist; run \`npm run build\` first`);
    return checker.getExportsOfModule(checker.getSymbolAtLocation(source));
  };
  return { checker, exportsOf };
}

function describe(symbol, checker) {
  const [first] = symbol.declarations;
  const node = ts.isVariableDeclaration(first) ? first.parent.parent : first;
  // An overloaded function is one thing with several signatures.
  const all = ts.isFunctionDeclaration(node) ? symbol.declarations : [node];
  const file = node.getSourceFile();
  const source = all.map((one) => one.getText(file)).join('\n');
  return {
    name: symbol.name,
    comment: commentOf(symbol, checker),
    source: source.replace(/^(export )?(default )?(declare )?/gm, (words) => (words.trim() ? '' : words)),
    kind: KINDS.find(([is]) => is(node))?.[1] ?? 'const',
  };
}

const KINDS = [
  [ts.isFunctionDeclaration, 'function'],
  [ts.isClassDeclaration, 'class'],
  [ts.isInterfaceDeclaration, 'interface'],
  [ts.isTypeAliasDeclaration, 'type'],
];

function commentOf(symbol, checker) {
  const comment = ts.displayPartsToString(symbol.getDocumentationComment(checker));
  return comment.replace(/\{@link (\w+)\}/g, '`$1`').trim();
}
