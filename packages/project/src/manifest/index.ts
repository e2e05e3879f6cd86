export { loadProject, type Project, type ProjectEntryPoint, type ProjectWorkflow } from './load-project.js';
export {
  readManifest,
  type DeclaredManifest,
  type ReadManifest,
  type WorkflowSpec,
} from './read-manifest.js';
export {
  moduleCandidates,
  parseEntryPoint,
  typescriptCandidates,
  type EntryPoint,
  type Runtime,
} from './entry-point.js';
export { normalizeDiagram } from './diagram-text.js';
export { isExcludedName } from './excluded.js';
