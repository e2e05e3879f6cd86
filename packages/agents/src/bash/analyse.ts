import {
  forEachChild,
  parse,
  type ArithmeticExpression,
  type ParsedScript,
  type Redirection,
  type SyntaxNode,
} from 'unbash';
import { isHarmlessName, problemOfAssignment, tellCommand, type Sink } from './command.js';
import { knownOf } from './words.js';

/**
 * Job: what a command line would do, from its syntax alone.
 *
 * Boundary: pure; nothing is run and no file is looked at. Paths are as they are written, below each folder that may be
 * the working folder then; where they lead is `paths/resolve.ts`'s to say.
 *
 * Invariants
 * 1. What is not understood is said to be unknown, and never left out: each node of the syntax is either known to do
 *    nothing of its own, or has its effects told.
 * 2. Nothing of a variable, of a command's output, of braces or of a home is guessed: a path with such a part is unknown.
 * 3. Any text has an answer, in time that grows with its length.
 */
export type BashEffect =
  | { kind: 'read' | 'write'; path: string; subtree: boolean }
  | { kind: 'execute'; program: string }
  | { kind: 'network'; host: string | undefined }
  | { kind: 'unknown'; what: string };

/** Longer command lines are not understood. */
const CHARACTERS = 32 * 1024;
const NODES = 5_000;
const DEPTH = 200;
/** More possible working folders than that are not told apart. */
const FOLDERS = 16;
const NESTED_SCRIPTS = 5;

/** @param cwd the working folder that it begins in, relative to the workspace's root; `''` is the root */
export function effectsOfCommand(source: string, cwd = ''): BashEffect[] {
  const analysis = new Analysis([cwd]);
  analysis.script(source);
  return analysis.effects();
}

class Analysis implements Sink {
  readonly #effects = new Map<string, BashEffect>();
  readonly #folders: Set<string>;
  #nodes = 0;
  #loops = 0;
  #scripts = 0;

  constructor(folders: readonly string[]) {
    this.#folders = new Set(folders);
  }

  effects(): BashEffect[] {
    return [...this.#effects.values()];
  }

  read(path: string, subtree = false): void {
    this.#file('read', path, subtree);
  }

  write(path: string, subtree = false): void {
    this.#file('write', path, subtree);
  }

  execute(program: string): void {
    this.#tell({ kind: 'execute', program });
  }

  network(host: string | undefined): void {
    this.#tell({ kind: 'network', host });
  }

  unknown(what: string): void {
    this.#tell({ kind: 'unknown', what });
  }

  /** The next round of a loop would begin there. */
  enter(folder: string): void {
    if (this.#loops > 0) return this.unknown('cd in a loop or a function');
    for (const from of [...this.#folders]) this.#folders.add(below(from, folder));
    if (this.#folders.size > FOLDERS) this.unknown('there are too many folders that it may be in');
  }

  script(source: string): void {
    if (source.length > CHARACTERS) return this.unknown(`it is longer than ${CHARACTERS} characters`);
    if (source.includes('\0')) return this.unknown('it has a NUL character');
    if (++this.#scripts > NESTED_SCRIPTS)
      return this.unknown('there are too many command lines in each other');
    try {
      this.#visit(parse(source), 0);
    } catch (error) {
      // Whatever the parser trips over is nothing that we have understood.
      this.unknown(`it cannot be parsed (${error instanceof Error ? error.name : 'an error'})`);
    }
  }

  #file(kind: 'read' | 'write', path: string, subtree: boolean): void {
    if (path === '') return;
    if (/^\/dev\/(null|stdin|stdout|stderr|fd\/\d+|zero|tty)$/.test(path)) return;
    if (/^\/dev\/(tcp|udp)\//.test(path)) return this.network(path.split('/')[3]);
    for (const folder of this.#folders) this.#tell({ kind, path: below(folder, path), subtree });
  }

  #tell(effect: BashEffect): void {
    this.#effects.set(JSON.stringify(effect), effect);
  }

  #visit(node: SyntaxNode, depth: number): void {
    if (++this.#nodes > NODES || depth > DEPTH) return this.unknown('it has too many parts');
    this.#look(node);
    forEachChild(node, (child) => this.#visit(child, depth + 1));
    if (isLoop(node)) this.#loops -= 1;
  }

  /** Tells what a node does of its own. Invariant 1. */
  #look(node: SyntaxNode): void {
    if (isLoop(node)) this.#loops += 1;
    if (isStructure(node)) return;
    switch (node.type) {
      case 'Script':
        this.#errors(node);
        return;
      case 'Statement':
        if (node.background) this.unknown('something is left running in the background');
        return;
      case 'Command':
        if (node.name) tellCommand(node, this);
        return;
      case 'Redirect':
      case 'HereString':
      case 'HereDoc':
        this.#redirection(node);
        return;
      case 'Assignment': {
        const problem = problemOfAssignment(node);
        if (problem) this.unknown(problem);
        return;
      }
      case 'For':
        if (!isHarmlessName(node.name.value)) this.unknown('a loop sets a name that programs may look at');
        return;
      case 'ParameterExpansion':
        this.#expansion(node);
        return;
      case 'ArithmeticCommand':
      case 'ArithmeticExpansion':
        if (!node.expression || !isPlain(node.expression))
          this.unknown('arithmetic on what may be a command');
        return;
      case 'ArithmeticFor':
        this.unknown('a loop that counts');
        return;
      case 'TestUnary':
        if (!/^-[a-uw-zA-QS-Z]$/.test(node.operator)) this.unknown('a test of a variable by its name');
        return;
      case 'TestBinary':
        if (node.operator.startsWith('-')) this.unknown('a test that counts');
        return;
      case 'CommandExpansion':
      case 'ProcessSubstitution':
        if (!node.script) this.unknown('a command in a command that cannot be parsed');
        return;
      case 'Function':
      case 'Coproc':
      case 'Select':
        this.unknown(`a ${node.type.toLowerCase()}`);
        return;
    }
  }

  #errors({ errors }: ParsedScript): void {
    const [first] = errors ?? [];
    if (first) this.unknown(`it cannot be parsed: ${first.message.slice(0, 100)}`);
  }

  #redirection(node: Redirection): void {
    if (node.descriptor?.type === 'FileDescriptorVariable') return this.unknown('a descriptor in a variable');
    // The text of a here-document goes to a program's input, which is the program's to say.
    if (node.type !== 'Redirect') return;
    const target = node.target && knownOf(node.target);
    if (target?.type !== 'literal')
      return this.unknown('it is not known where output goes, or input comes from');
    const { value } = target;
    if (node.operator.endsWith('&') && /^(\d+-?|-)$/.test(value)) return;
    if (node.operator === '<&') return this.unknown('a descriptor that is not known');
    if (node.operator === '<' || node.operator === '<>') this.read(value);
    if (node.operator !== '<') this.write(value);
  }

  #expansion(node: Extract<SyntaxNode, { type: 'ParameterExpansion' }>): void {
    const { operation, prefix, index, parameter } = node;
    const isKnown =
      operation === undefined ||
      operation.type === 'Remove' ||
      (operation.type === 'Default' && !operation.operator.includes('='));
    if (prefix === '!' || index || !isKnown || !/^\w+$|^[@*#?$!-]$/.test(parameter))
      this.unknown('a variable whose value may be run');
  }
}

function isLoop(node: SyntaxNode): boolean {
  return ['For', 'While', 'ArithmeticFor', 'Select', 'Function'].includes(node.type);
}

/** Numbers and what is done with them; a name may stand for a text that is run. */
function isPlain(expression: ArithmeticExpression): boolean {
  switch (expression.type) {
    case 'ArithmeticWord':
      return /^\d+$/.test(expression.value);
    case 'ArithmeticBinary':
      return isPlain(expression.left) && isPlain(expression.right);
    case 'ArithmeticUnary':
      return isPlain(expression.operand);
    case 'ArithmeticGroup':
      return isPlain(expression.expression);
    case 'ArithmeticTernary':
      return [expression.test, expression.consequent, expression.alternate].every(isPlain);
    case 'ArithmeticCommandExpansion':
      return false;
  }
}

/**
 * Lists, pipelines, branches, words and their parts: what they do is what is in them. The compiler says when the parser
 * has a kind of node that is neither here nor looked at.
 */
const STRUCTURE = [
  'CompoundList',
  'CaseItem',
  'Elif',
  'Pipeline',
  'Time',
  'Negation',
  'AndOr',
  'If',
  'While',
  'Subshell',
  'BraceGroup',
  'Case',
  'Redirected',
  'TestCommand',
  'TestLogical',
  'TestNot',
  'TestGroup',
  'Word',
  'Literal',
  'Glob',
  'SingleQuoted',
  'DoubleQuoted',
  'AnsiCQuoted',
  'LocaleString',
  'SimpleExpansion',
  'ExtendedGlob',
  'BraceExpansion',
  'ArrayValue',
  'FileDescriptor',
  'FileDescriptorVariable',
  'HereDocDelimiter',
  'HereDocBody',
  'ArithmeticBinary',
  'ArithmeticUnary',
  'ArithmeticTernary',
  'ArithmeticGroup',
  'ArithmeticWord',
  'ArithmeticCommandExpansion',
  'Default',
  'Remove',
  'Replace',
  'Slice',
  'CaseModification',
  'Transform',
  'Names',
  'Unknown',
] as const;

function isStructure(node: SyntaxNode): node is Extract<SyntaxNode, { type: (typeof STRUCTURE)[number] }> {
  return (STRUCTURE as readonly string[]).includes(node.type);
}

/** A path that is written in some folder. Its `..` stay: where they lead depends on the links before them. */
function below(folder: string, path: string): string {
  return path.startsWith('/') || folder === '' ? path : `${folder}/${path}`;
}
