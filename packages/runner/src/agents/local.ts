import { join } from 'node:path';
import {
  dispatchInProcess,
  EventLog,
  PolicyFetcher,
  standingsIn,
  sweepTrees,
  workspaceRoot,
  type InProcessDispatch,
} from '@pegasus-workflows/agents';
import { PegasusError, type DispatchRequest } from '@pegasus-workflows/contracts';
import { type SubagentResult, type SubagentTask } from '@pegasus-workflows/contracts/agents';
import { type Logger } from '@pegasus-workflows/kit';
import { openShell } from '../sandbox/shell.js';
import { readHostFile } from './config-file.js';
import { modelsOf } from './models.js';
import { parseWalls } from './settings.js';

/** A dispatch for a developer who has no platform: a host file, a folder, and a task. */
export interface LocalDispatch
  extends Pick<InProcessDispatch, 'onEvent' | 'signal'>, Pick<DispatchRequest, 'model' | 'merge'> {
  /** The file of a host: its models, and its workspaces by their names. */
  file: string;
  /** The workspace where none is named. */
  folder: string;
  workspace?: string;
  task: SubagentTask;
  /** Asks a person; without it, what would be asked is denied. */
  ask?: InProcessDispatch['ask'];
  /** `PEGASUS_SANDBOX`, `PEGASUS_EGRESS_ALLOW`, and the variables with the models' keys. */
  env: NodeJS.ProcessEnv;
  logger: Logger;
}

/**
 * Does it in this process, with the models, walls and rules of an agent host, and resolves with its result. What dies
 * with the process is lost; work trees that others have lost so are removed. Throws one sentence for a file that cannot
 * be used, VALIDATION_ERROR for an unknown workspace or model, CONFLICT while a host has the folder.
 */
export async function dispatchLocally(wanted: LocalDispatch): Promise<SubagentResult> {
  const { file, env, logger, task, model = null, merge, ask, onEvent, signal } = wanted;
  const named = await readHostFile(file, { needsFolders: false });
  const root = await workspaceRoot(folderOf(wanted, named.workspaces));
  const { sandbox: mode, egress } = parseWalls(env);
  const shell = await openShell({ mode, egress, logger });
  try {
    const models = await modelsOf(named.models, env, shell);
    const { engine, answerTokens, contextTokens } = models.get(model);
    const log = await EventLog.open(join(root, '.pugi'));
    try {
      const standings = await standingsIn(log.folder);
      await sweepTrees(root, { isOpen: (taskId) => standings.get(taskId.split('/')[0]!) === 'open' });
      const { result } = await dispatchInProcess({
        ...{ task, folder: root, engine, prices: models.prices, log, answerTokens, contextTokens },
        ...(ask ? { ask } : {}),
        ...(onEvent ? { onEvent } : {}),
        ...(signal ? { signal } : {}),
        ...(merge === undefined ? {} : { tier: { merge } }),
        ports: { shell, fetcher: new PolicyFetcher(egress) },
      });
      return result;
    } finally {
      await log.close();
    }
  } finally {
    await shell.close();
  }
}

function folderOf(
  { folder, workspace, file }: LocalDispatch,
  workspaces: readonly { name: string; path: string }[],
): string {
  if (workspace === undefined) return folder;
  const found = workspaces.find(({ name }) => name === workspace);
  if (found) return found.path;
  const there = workspaces.map(({ name }) => name).join(', ') || 'none';
  throw new PegasusError(
    'VALIDATION_ERROR',
    `workspace: ${file} has no ${JSON.stringify(workspace)}; it has ${there}.`,
  );
}
