/**
 * Job: what fits the word under the cursor, found in the command definitions themselves.
 *
 * Boundary: reads the commander tree, and through {@link valuesFor} files of this machine; never the network.
 *
 * Invariants
 * 1. There is no list of commands or options here: what the program can do is what is offered.
 * 2. A word is offered only where the parser would take it: an option's value after the option, no option after `--`.
 * 3. Nothing that goes wrong is told: completion then offers nothing.
 */
import { type Argument, type Command, type Option } from 'commander';
import { valuesFor, type Candidate, type Rest, type Values, type ValuePlace } from './values.js';

export interface Completion {
  candidates: Candidate[];
  /** What the shell adds by itself. */
  rest: Rest;
}

/**
 * @param words the words behind the program's name up to the cursor; the last one is being typed, maybe empty
 */
export async function complete(
  program: Command,
  words: readonly string[],
  place: ValuePlace,
): Promise<Completion> {
  const { before, current } = splitLine(words);
  const line = readLine(program, before);
  const { values, typed, joined } = await valuesAt(program, line, current, place);
  return {
    candidates: values.candidates
      .filter(({ text }) => text.startsWith(typed))
      .map(({ text, about }) => ({ text: joined + text, about })),
    rest: values.rest,
  };
}

/** bash cuts `--profile=lo` into three words; every other shell leaves it whole. */
function splitLine(words: readonly string[]): { before: string[]; current: string } {
  const before = [...words];
  const current = before.pop() ?? '';
  if (current === '=' && before.at(-1)?.startsWith('--')) return { before, current: '' };
  if (before.at(-1) === '=' && before.at(-2)?.startsWith('--')) before.pop();
  return { before, current };
}

interface Line {
  command: Command;
  /** Positional words of that command so far. */
  operands: number;
  /** The option whose value comes next. */
  pending: Option | undefined;
  /** `--` was said: what follows is no option. */
  literal: boolean;
  /** Values of options so far, by attribute name. */
  options: Record<string, string>;
}

/** Walks the words as the parser would. */
function readLine(program: Command, words: readonly string[]): Line {
  const line: Line = { command: program, operands: 0, pending: undefined, literal: false, options: {} };
  for (const word of words) {
    if (line.pending) {
      line.options[line.pending.attributeName()] = word;
      line.pending = undefined;
    } else if (word === '--') line.literal = true;
    else if (!line.literal && word.startsWith('-') && word !== '-') readOption(line, program, word);
    else {
      const next = line.operands === 0 ? subcommand(line.command, word) : undefined;
      if (next) line.command = next;
      else line.operands += 1;
    }
  }
  return line;
}

function readOption(line: Line, program: Command, word: string): void {
  const [name, value] = splitOption(word);
  const option = optionsOf(line.command, program).find((one) => one.long === name || one.short === name);
  if (!option || !takesValue(option)) return;
  if (value === undefined) line.pending = option;
  else line.options[option.attributeName()] = value;
}

function splitOption(word: string): [name: string, value: string | undefined] {
  const at = word.startsWith('--') ? word.indexOf('=') : -1;
  return at < 0 ? [word, undefined] : [word.slice(0, at), word.slice(at + 1)];
}

/** What may stand under the cursor, the part of the word it must begin with, and what is before that part. */
async function valuesAt(
  program: Command,
  line: Line,
  current: string,
  place: ValuePlace,
): Promise<{ values: Values; typed: string; joined: string }> {
  const plain = (values: Values) => ({ values, typed: current, joined: '' });
  if (line.pending) return plain(await valuesOf(line.pending, line, place));
  if (!line.literal && current.startsWith('-') && current !== '-') {
    const [name, value] = splitOption(current);
    if (value === undefined) return plain(ofOptions(optionsOf(line.command, program)));
    const option = optionsOf(line.command, program).find(({ long }) => long === name);
    if (!option) return plain(NOTHING);
    return { values: await valuesOf(option, line, place), typed: value, joined: `${name}=` };
  }
  const subcommands = line.operands === 0 ? ofCommands(line.command) : NOTHING;
  if (subcommands.candidates.length > 0) return plain(subcommands);
  const { registeredArguments: declared } = line.command;
  const argument = declared[line.operands] ?? (declared.at(-1)?.variadic ? declared.at(-1) : undefined);
  return plain(argument ? await valuesOf(argument, line, place) : NOTHING);
}

const NOTHING: Values = { candidates: [], rest: 'end' };

function valuesOf(what: Option | Argument, line: Line, place: ValuePlace): Promise<Values> {
  const choices = what.argChoices;
  if (choices)
    return Promise.resolve({ candidates: choices.map((text) => ({ text, about: '' })), rest: 'end' });
  const name = 'attributeName' in what ? what.attributeName() : what.name();
  return valuesFor(name, { ...place, dir: line.options['dir'] });
}

function subcommand(command: Command, word: string): Command | undefined {
  return command.commands.find((one) => one.name() === word || one.aliases().includes(word));
}

/** Those a person may see, `help` included, as commander's own help lists them. */
function ofCommands(command: Command): Values {
  const visible = command.commands.length > 0 ? command.createHelp().visibleCommands(command) : [];
  return {
    candidates: visible.map((one) => ({
      text: one.name(),
      about: firstLine(one.summary() || one.description()),
    })),
    rest: 'end',
  };
}

function ofOptions(options: Option[]): Values {
  return {
    candidates: options.flatMap(({ long, short, description }) => {
      const text = long ?? short;
      return text === undefined ? [] : [{ text, about: firstLine(description) }];
    }),
    rest: 'end',
  };
}

function optionsOf(command: Command, program: Command): Option[] {
  const own = command.createHelp().visibleOptions(command);
  return command === program ? own : [...own, ...program.options.filter(({ hidden }) => !hidden)];
}

function takesValue({ required, optional }: Option): boolean {
  return required || optional;
}

function firstLine(text: string): string {
  return text.split('\n')[0] ?? '';
}
