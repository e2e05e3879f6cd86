import { type Workflow } from '@pegasus-workflows/contracts';
import {
  envFromUrl,
  findDeployment,
  LEDGER_FILE,
  readLedger,
  recordDeployment as writeDeployment,
} from '@pegasus-workflows/project/ledger';
import { type Context } from '../context.js';
import { describeError } from '../output/report-error.js';
import { findUpward } from './locate.js';
import path from 'node:path';

export interface Published {
  env: string | undefined;
  baseUrl: string;
  workflow: Workflow;
  /** Whether the project has several workflows, which nests the ledger. */
  ofSeveral: boolean;
}

/** Records what was published, beside the manifest. A ledger that cannot be written is a warning and nothing more. */
export async function recordDeployment({ out }: Context, root: string, published: Published): Promise<void> {
  const { workflow, baseUrl } = published;
  try {
    await writeDeployment(root, {
      env: published.env ?? envFromUrl(baseUrl),
      workflow: workflow.name,
      multi: published.ofSeveral,
      baseUrl,
      workflowId: workflow.id,
      version: workflow.version,
      visibility: workflow.visibility,
      publishedAt: workflow.createdAt,
    });
  } catch (error) {
    const { report } = describeError(error);
    const reasons = [report.error, ...(report.problems ?? [])].join(' ');
    out.warn(
      `${workflow.name}@${workflow.version} is published, but ${LEDGER_FILE} was not written: ${reasons}`,
    );
  }
}

export interface Wanted {
  name: string;
  version?: string;
  baseUrl: string;
  env?: string;
  dir?: string;
}

/**
 * The id of what was pushed from the project one is in, to this platform, under this name and version. Undefined
 * outside a project, and for a ledger that says nothing about it or cannot be read: the API knows all the same.
 */
export async function pushedWorkflowId({ cwd }: Context, wanted: Wanted): Promise<string | undefined> {
  const root = wanted.dir === undefined ? findUpward(cwd) : path.resolve(cwd, wanted.dir);
  if (root === undefined) return undefined;
  try {
    const here = (await readLedger(root)).filter(({ baseUrl }) => baseUrl === wanted.baseUrl);
    const envs = wanted.env === undefined ? new Set(here.map(({ env }) => env)) : [wanted.env];
    for (const env of envs) {
      const found = findDeployment(here, { env, workflow: wanted.name });
      if (found && (wanted.version === undefined || found.version === wanted.version))
        return found.workflowId;
    }
  } catch {
    return undefined;
  }
  return undefined;
}
