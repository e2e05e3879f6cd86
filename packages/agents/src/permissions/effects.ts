/** What a call of a tool would do, as far as permissions go. Every call has at least one effect. */
export const EFFECT_KINDS = ['read', 'write', 'bash', 'execute', 'network', 'unknown'] as const;
export type EffectKind = (typeof EFFECT_KINDS)[number];

/** A file of the workspace, or one outside of it, with every name by which a rule may know it. */
export interface PathRef {
  /** As it was asked for, for messages. */
  requested: string;
  /**
   * Relative to the workspace's root, `/` between the parts, no symbolic links, no `.` and `..`; `''` is the root.
   * `undefined`: it leads out of the workspace, or in a circle.
   */
  real: string | undefined;
  /** Other names on the way there, in the same form: those of the links that it went through. */
  through: readonly string[];
  /** Hard links that the file has; 0 where there is no file. */
  links: number;
}

export type Effect =
  /** `subtree`: all that is below as well. */
  | { kind: 'read' | 'write'; path: PathRef; subtree?: boolean }
  /** A command line is run at all. What it does are effects of their own. */
  | { kind: 'bash' }
  /** A program is run of which no more is known than its name. */
  | { kind: 'execute'; program: string }
  | { kind: 'network'; host: string | undefined }
  /** A command that cannot be understood: why. */
  | { kind: 'unknown'; what: string };
