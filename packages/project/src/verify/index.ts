export { verifyArtifact } from './verify-artifact.js';
export { ArtifactProblems, type ExpectedArtifact, type VerifiedArtifact } from './problems.js';
