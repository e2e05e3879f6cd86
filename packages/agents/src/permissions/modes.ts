import { type Isolation, type PermissionMode } from '@pegasus-workflows/contracts/agents';
import { type EffectKind } from './effects.js';
import { type Verdict } from './verdict.js';

type Table = Readonly<Record<EffectKind, Verdict>>;

const ALL: Table = {
  read: 'allow',
  write: 'allow',
  bash: 'allow',
  execute: 'allow',
  network: 'allow',
  unknown: 'allow',
};
const AUTO: Table = { ...ALL, network: 'ask', unknown: 'ask' };

/**
 * What each mode says of each kind of effect. `dontAsk` says what `auto` says, and nobody is asked: what would be asked
 * is denied.
 */
export const MODE_VERDICTS: Readonly<Record<PermissionMode, Table>> = {
  plan: { read: 'allow', write: 'deny', bash: 'allow', execute: 'deny', network: 'ask', unknown: 'deny' },
  ask: { read: 'allow', write: 'ask', bash: 'allow', execute: 'ask', network: 'ask', unknown: 'ask' },
  acceptEdits: {
    read: 'allow',
    write: 'allow',
    bash: 'allow',
    execute: 'ask',
    network: 'ask',
    unknown: 'ask',
  },
  auto: AUTO,
  dontAsk: AUTO,
  bypassPermissions: ALL,
};

/** What each tier has no way to, whatever the mode. */
export const TIER_VERDICTS: Readonly<Record<Isolation, Table>> = {
  prompt_only: {
    read: 'deny',
    write: 'deny',
    bash: 'deny',
    execute: 'deny',
    network: 'deny',
    unknown: 'deny',
  },
  shared_fs_readonly: { ...ALL, write: 'deny', bash: 'deny', execute: 'deny', unknown: 'deny' },
  shared_fs_serialized: ALL,
  worktree: ALL,
  remote_vm: ALL,
};
