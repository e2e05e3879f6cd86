import { type Assignment, type Command, type Word } from 'unbash';
import {
  FIND_TESTS,
  FIND_VALUED,
  GIT_READS,
  NETWORK,
  NETWORK_WORDS,
  OPAQUE,
  PROGRAMS,
  SED_SCRIPT,
  SHELLS,
  WRAPPERS,
  type Program,
} from './programs.js';
import { knownOf, literalOf, type Known } from './words.js';

/** What one simple command does, told to a sink; see `analyse.ts`. */
export interface Sink {
  read(path: string, subtree?: boolean): void;
  write(path: string, subtree?: boolean): void;
  execute(program: string): void;
  network(host: string | undefined): void;
  unknown(what: string): void;
  /** The working folder may be this one from here on. */
  enter(folder: string): void;
  /** A command line inside of this one. */
  script(source: string): void;
}

const HERE = '.';
/** Folders whose programs are the ones that their names say. */
const SYSTEM_FOLDERS = /^\/(usr\/)?bin\/([^/]+)$/;

/** The name and the arguments of a simple command, which has a name. */
export function tellCommand(command: Command, sink: Sink): void {
  const name = literalOf(command.name);
  if (name === undefined) return sink.unknown('the name of a program is made while it runs');
  if (command.args.some(({ type }) => type === 'Assignment'))
    return sink.unknown(`${shown(name)} is given an assignment`);
  tellWords(name, command.args as readonly Word[], sink);
}

function tellWords(called: string, args: readonly Word[], sink: Sink): void {
  const name = SYSTEM_FOLDERS.exec(called)?.[2] ?? called;
  const known = args.map(knownOf);
  if (name === 'cd') return tellCd(known, sink);
  if (OPAQUE.has(name))
    return sink.unknown(`${shown(name)} may change what the rest means, or run something else`);
  if (SHELLS.has(name)) return tellShell(name, known, sink);
  const wrapper = WRAPPERS[name];
  if (wrapper) return tellWrapped(name, wrapper, args, sink);
  if (name === 'sed') return tellSed(known, sink);
  if (name === 'find') return tellFind(known, sink);
  if (name === 'git') return tellGit(known, sink);
  const program = Object.hasOwn(PROGRAMS, name) ? PROGRAMS[name] : undefined;
  if (program) return tellProgram(name, program, known, sink);
  tellOther(name, known, sink);
}

function tellOther(name: string, known: readonly Known[], sink: Sink): void {
  sink.execute(name);
  const words = known.map((one) => (one.type === 'literal' ? one.value : ''));
  if (NETWORK.has(name)) sink.network(words.map(hostOf).find((host) => host !== undefined));
  else if (words.some((word) => Object.hasOwn(NETWORK_WORDS, name) && NETWORK_WORDS[name]!.test(word)))
    sink.network(undefined);
}

/** The folder may or may not be there, so both are possible afterwards. Its `..` goes by names, as no other command's does. */
function tellCd(known: readonly Known[], sink: Sink): void {
  const [folder] = known;
  if (known.length !== 1 || folder?.type !== 'literal' || /^-|(^|\/)\.\.(\/|$)/.test(folder.value))
    return sink.unknown('it is not known where cd leads');
  sink.enter(folder.value);
}

function tellShell(name: string, known: readonly Known[], sink: Sink): void {
  const [option, script] = known;
  if (option?.type === 'literal' && option.value === '-c' && script?.type === 'literal')
    return sink.script(script.value);
  sink.unknown(`${shown(name)} runs what is not written here`);
}

function tellWrapped(
  name: string,
  { before, options }: { before: number; options?: RegExp },
  args: readonly Word[],
  sink: Sink,
): void {
  let left = args;
  while (options && left.length > 0 && options.test(literalOf(left[0]) ?? '')) left = left.slice(1);
  const values = left.slice(0, before + 1).map(literalOf);
  if (values.length <= before || values.some((value) => value === undefined || value.startsWith('-')))
    return sink.unknown(`it is not known what ${shown(name)} runs`);
  tellWords(values[before]!, left.slice(before + 1), sink);
}

interface Sorted {
  options: string[];
  files: Known[];
}

/** Options and the rest; `undefined`, told, when there is one that is not known. */
function sortArguments(
  name: string,
  { options, valued = [], refuse }: Pick<Program, 'options' | 'valued' | 'refuse'>,
  known: readonly Known[],
  sink: Sink,
): Sorted | undefined {
  const sorted: Sorted = { options: [], files: [] };
  let onlyFiles = false;
  for (let at = 0; at < known.length; at++) {
    const word = known[at]!;
    if (refuse && (word.type !== 'literal' || refuse.test(word.value)))
      return void sink.unknown(`${shown(name)} is given a word that may be a command`);
    if (word.type === 'glob' && word.bare && !onlyFiles)
      return void sink.unknown(`a file may have the name of an option of ${shown(name)}; write ./* instead`);
    if (word.type !== 'literal' || onlyFiles || !/^-./.test(word.value)) sorted.files.push(word);
    else if (word.value === '--') onlyFiles = true;
    else if (valued.includes(word.value)) {
      at += 1;
      // Anything may come of a value that is several words.
      if (known[at]?.type !== 'literal') return void sink.unknown(`a value of ${shown(name)} is not known`);
    } else if (options?.test(word.value)) sorted.options.push(word.value);
    else return void sink.unknown(`${shown(name)} has an option that is not known: ${shown(word.value)}`);
  }
  return sorted;
}

function tellProgram(name: string, program: Program, known: readonly Known[], sink: Sink): void {
  const sorted = sortArguments(name, program, known, sink);
  if (!sorted) return;
  const { files: how, skip = 0, subtree, here } = program;
  // An argument that is not known may be any option.
  if (how !== 'none' && sorted.files.some(({ type }) => type === 'unknown'))
    return sink.unknown(`it is not known which files ${shown(name)} is given`);
  if (how === 'none') return;
  const has = (which: RegExp | true | undefined): boolean =>
    which === true || (which !== undefined && sorted.options.some((option) => which.test(option)));
  const deep = has(subtree);
  const files = sorted.files.slice(skip);
  if (files.length === 0 && has(here)) sink.read(HERE, deep);
  const lastAt = files.length > 1 ? files.length - 1 : undefined;
  files.forEach((file, at) => {
    if (how === 'read' || (how === 'read-last-write' && at !== lastAt))
      tellFile(file, deep, sink.read.bind(sink));
    else if (how === 'write') tellFile(file, deep, sink.write.bind(sink));
    else if (how === 'write-all-trees' && at !== lastAt) tellFile(file, true, sink.write.bind(sink));
    else tellTarget(file, files.slice(0, -1), sink);
  });
}

function tellFile(file: Known, deep: boolean, tell: (path: string, subtree: boolean) => void): void {
  if (file.type === 'literal') tell(file.value, deep);
  else if (file.type === 'glob') tell(file.folder, true);
}

/** Where something is copied or moved to: the file, or the file of the same name in the folder. */
function tellTarget(target: Known, sources: readonly Known[], sink: Sink): void {
  if (target.type !== 'literal' || sources.some(({ type }) => type !== 'literal'))
    return sink.unknown('it is not known what is written there');
  sink.write(target.value);
  for (const source of sources) {
    const name = source.type === 'literal' ? source.value.replace(/\/+$/, '').split('/').at(-1)! : '';
    sink.write(`${target.value}/${name}`, true);
  }
}

function tellSed(known: readonly Known[], sink: Sink): void {
  const sorted = sortArguments('sed', { options: /^-[nErsi]$/ }, known, sink);
  if (!sorted) return;
  const [script, ...files] = sorted.files;
  if (
    script?.type !== 'literal' ||
    !SED_SCRIPT.test(script.value) ||
    files.some(({ type }) => type === 'unknown')
  )
    return sink.unknown('a script of sed that may do more than print and replace');
  const writes = sorted.options.includes('-i');
  for (const file of files) tellFile(file, false, (writes ? sink.write : sink.read).bind(sink));
}

function tellFind(known: readonly Known[], sink: Sink): void {
  const words = known.map((one) => (one.type === 'literal' ? one.value : undefined));
  const isTest = (at: number): boolean => {
    const one = known[at]!;
    return one.type === 'literal' ? /^[-!(]/.test(one.value) : one.type === 'unknown' || one.bare;
  };
  const first = known.findIndex((_, at) => isTest(at));
  const starts = first === -1 ? known : known.slice(0, first);
  const tests = first === -1 ? [] : words.slice(first);
  for (let at = 0; at < tests.length; at++) {
    const test = tests[at];
    if (test !== undefined && FIND_TESTS.test(test)) continue;
    if (test !== undefined && FIND_VALUED.test(test) && tests[at + 1] !== undefined) at += 1;
    else
      return sink.unknown(`find has a test that is not known${test === undefined ? '' : `: ${shown(test)}`}`);
  }
  if (starts.length === 0) sink.read(HERE, true);
  for (const start of starts) tellFile(start, true, sink.read.bind(sink));
}

function tellGit(known: readonly Known[], sink: Sink): void {
  const words = known.filter((one) => one.type !== 'literal' || one.value !== '--no-pager');
  const [first, ...rest] = words;
  const name = first?.type === 'literal' ? first.value : '';
  const shows = Object.hasOwn(GIT_READS, name) ? GIT_READS[name]! : undefined;
  if (name === '' || name.startsWith('-') || words.some(({ type }) => type !== 'literal'))
    return sink.unknown('it is not known what git does there');
  const values = rest.map((one) => (one.type === 'literal' ? one.value : ''));
  const isKnown = values.every((value) => !value.startsWith('-') || shows?.test(value));
  if (!shows || !isKnown) return tellOther('git', words, sink);
  // The history has every file, and two files that are named are compared wherever they are.
  sink.read(HERE, true);
  for (const value of values) if (!value.startsWith('-')) sink.read(value);
}

function hostOf(word: string): string | undefined {
  const url = /^[a-z][a-z0-9+.-]*:\/\/(?:[^/@\s]*@)?([^/:?#\s]+)/i.exec(word);
  return url?.[1]?.toLowerCase();
}

/** Names with which an assignment changes nothing but the script's own words. */
export function isHarmlessName(name: string): boolean {
  // Programs look at names in capitals, and at a few others.
  return /^[a-z_][a-z0-9_]*$/.test(name) && !/^(https?|ftp|all|no)_proxy$|^npm_|^_/.test(name);
}

/** Why an assignment may do more than remember a value; `undefined` when it does not. */
export function problemOfAssignment({ name, index }: Assignment): string | undefined {
  if (index) return 'an element of a list is set, whose place may be a command';
  if (!isHarmlessName(name)) return `${shown(name)} is set, which programs may look at`;
  return undefined;
}

function shown(word: string): string {
  return JSON.stringify(word.length > 60 ? `${word.slice(0, 60)}…` : word);
}
