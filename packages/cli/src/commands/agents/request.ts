import { text as readAll } from 'node:stream/consumers';
import { MERGE_CHOICES, type DispatchRequest } from '@pegasus-workflows/contracts';
import { AGENT_ROLES, PERMISSION_MODES, type DispatchBudget } from '@pegasus-workflows/contracts/agents';
import { PegasusError } from '@pegasus-workflows/contracts/errors';
import { type PegasusClient } from 'pegasus-workflows-sdk/client';
import { type Context } from '../../context.js';
import { readNamedFile } from '../../options/sources.js';
import { given } from '../../options/switched.js';
import { readWord } from './words.js';

/** A task as it is typed. */
export interface TaskOptions {
  role: string;
  mode: string;
  budgetUsd?: string;
  budgetTokens?: string;
  budgetMinutes?: string;
  allow?: string[];
  deny?: string[];
  workspace?: string;
  model?: string;
  merge?: string;
  remote?: boolean;
  promptFile?: string;
}

/** What is to be dispatched, but for the workspace. @throws PegasusError VALIDATION_ERROR naming the option */
export async function readTask(
  context: Context,
  prompt: string | undefined,
  options: TaskOptions,
): Promise<Omit<DispatchRequest, 'workspace'>> {
  const { role, mode, merge, model, remote, allow, deny } = options;
  const words = {
    role: readWord('--role', role, AGENT_ROLES),
    permissionMode: readWord('--mode', mode, PERMISSION_MODES),
  };
  const place = given({
    model,
    merge: merge === undefined ? undefined : readWord('--merge', merge, MERGE_CHOICES),
    isolation: remote ? ('remote_vm' as const) : undefined,
  });
  const bounds = given({ budget: readBudget(options), allowedPaths: allow, deniedPaths: deny });
  return { task: { ...words, prompt: await readPrompt(context, prompt, options), ...bounds }, ...place };
}

async function readPrompt(
  context: Context,
  prompt: string | undefined,
  { promptFile }: TaskOptions,
): Promise<string> {
  if ((prompt === undefined) === (promptFile === undefined))
    throw new PegasusError(
      'VALIDATION_ERROR',
      prompt === undefined
        ? 'What is to be done is not said.'
        : 'A prompt and --prompt-file exclude each other.',
      { hint: 'Give the prompt in quotes, - for standard input, or --prompt-file <file>.' },
    );
  const source = promptFile ?? '-';
  const text =
    prompt !== undefined && prompt !== '-'
      ? prompt
      : source === '-'
        ? await readAll(context.stdin)
        : (await readNamedFile(context, '--prompt-file', source)).toString('utf8');
  if (text.trim() !== '') return text;
  throw new PegasusError('VALIDATION_ERROR', 'The prompt is empty.', {
    hint: 'Say what is to be done.',
  });
}

function readBudget({ budgetUsd, budgetTokens, budgetMinutes }: TaskOptions): DispatchBudget | undefined {
  const budget = given({
    dollars: budgetUsd === undefined ? undefined : readAmount('--budget-usd', budgetUsd),
    tokens: budgetTokens === undefined ? undefined : Math.floor(readAmount('--budget-tokens', budgetTokens)),
    wallClockMs:
      budgetMinutes === undefined
        ? undefined
        : Math.ceil(readAmount('--budget-minutes', budgetMinutes) * 60_000),
  });
  return Object.keys(budget).length === 0 ? undefined : budget;
}

function readAmount(option: string, text: string): number {
  const amount = Number(text);
  const least = option === '--budget-tokens' ? 1 : Number.MIN_VALUE;
  if (/^\d{1,12}(\.\d{1,6})?$/.test(text) && amount >= least) return amount;
  throw new PegasusError('VALIDATION_ERROR', `${option} must be a number above 0, not "${text}".`, {
    hint: 'Without it, the default of the role holds: pegasus-workflows agents roles',
  });
}

/**
 * The workspace that is named, or the only one there is.
 *
 * @throws PegasusError VALIDATION_ERROR naming them when there are several, NOT_FOUND when there is none
 */
export async function chooseWorkspace(client: PegasusClient, named: string | undefined): Promise<string> {
  if (named !== undefined) return named;
  const names = [...new Set((await client.agents.workspaces()).map(({ name }) => name))].sort();
  const [only, ...others] = names;
  if (only === undefined)
    throw new PegasusError('NOT_FOUND', 'No agent host offers a workspace at present.', {
      hint: 'Start a host, or name the workspace of one that will come: --workspace <name>.',
    });
  if (others.length === 0) return only;
  throw new PegasusError('VALIDATION_ERROR', `Which workspace is not said; there are ${names.join(', ')}.`, {
    hint: `Name one: --workspace ${only}`,
  });
}
