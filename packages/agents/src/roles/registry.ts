import { type AgentRole, type Isolation } from '@pegasus-workflows/contracts/agents';
import { type WholeBudget } from '../budgets/ledger.js';

/** What a role comes with. The wire knows the name of a persona and no more. */
export interface RoleProfile {
  personaSlug: string;
  isolation: Isolation;
  /** What a task of the role may spend when it says nothing; a task can only tighten it. */
  budget: WholeBudget;
}

const MINUTE = 60_000;
const READING: WholeBudget = { tokens: 400_000, dollars: 2, wallClockMs: 15 * MINUTE };
const WRITING: WholeBudget = { tokens: 1_000_000, dollars: 5, wallClockMs: 45 * MINUTE };

export const ROLE_PROFILES: Readonly<Record<AgentRole, RoleProfile>> = {
  orchestrator: { personaSlug: 'mira', isolation: 'prompt_only', budget: WRITING },
  architect: { personaSlug: 'marcus', isolation: 'shared_fs_readonly', budget: READING },
  reviewer: { personaSlug: 'vera', isolation: 'shared_fs_readonly', budget: READING },
  researcher: { personaSlug: 'anika', isolation: 'shared_fs_readonly', budget: READING },
  coder: { personaSlug: 'hiroshi', isolation: 'shared_fs_serialized', budget: WRITING },
  release: { personaSlug: 'olivia', isolation: 'shared_fs_serialized', budget: READING },
  devops: { personaSlug: 'diego', isolation: 'shared_fs_serialized', budget: WRITING },
  design_qa: { personaSlug: 'sofia', isolation: 'shared_fs_serialized', budget: READING },
  // It builds and runs what others wrote, which leaves files behind: in a tree of its own.
  verifier: { personaSlug: 'noor', isolation: 'worktree', budget: READING },
};
