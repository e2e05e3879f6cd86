import {
  type ArtifactDescriptor,
  type DiagramCheck,
  LIMITS,
  type Manifest,
  PegasusError,
} from '@pegasus-workflows/contracts';

/** What the publisher announced about an artifact. */
export interface ExpectedArtifact {
  /** The manifest given at finalize. */
  manifest: Manifest;
  /** The size announced at upload. */
  sizeBytes: number;
}

export interface VerifiedArtifact {
  /** Whether the runner can run it. */
  executable: boolean;
  /** The Temporal workflow type that `run` starts; null when it is not executable. */
  workflowType: string | null;
  descriptor: ArtifactDescriptor | null;
  /** Whether the diagram shows what the code in the zip does, worked out here, whatever the manifest claims. */
  diagramCheck: DiagramCheck;
  /** Hex digest of the zip. */
  sha256: string;
  sizeBytes: number;
}

/** More than this many sentences help nobody. */
const SHOWN = 50;

/** An artifact that must not be published: one sentence for each problem; ARTIFACT_TOO_LARGE or ARTIFACT_INVALID. */
export class ArtifactProblems extends PegasusError {
  override readonly problems: string[];
  readonly tooLarge: boolean;

  constructor(problems: readonly string[], { tooLarge = false }: { tooLarge?: boolean } = {}) {
    const unique = [...new Set(problems)];
    const hidden = unique.length - SHOWN;
    const shown = hidden > 0 ? [...unique.slice(0, SHOWN), `There are ${hidden} more problems.`] : unique;
    const message = tooLarge ? shown.join(' ') : 'The artifact cannot be published.';
    super(tooLarge ? 'ARTIFACT_TOO_LARGE' : 'ARTIFACT_INVALID', message, { problems: shown });
    this.name = 'ArtifactProblems';
    this.problems = shown;
    this.tooLarge = tooLarge;
  }
}

/** The refusal of an artifact by its size alone. */
export function artifactTooLarge(bytes: number): ArtifactProblems {
  const sentence = `The artifact is ${bytes} bytes; the most is ${LIMITS.artifactBytes} (25 MiB).`;
  return new ArtifactProblems([sentence], { tooLarge: true });
}
