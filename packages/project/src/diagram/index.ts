export { artifactSources } from './artifact-sources.js';
export { checkDiagramAgainstCode, type DiagramCode } from './check-against-code.js';
export { checkDiagram, closeDiagrams, warmUpDiagrams } from './check-diagram.js';
export { drawDiagram, type DrawableCode } from './draw-diagram.js';
export { diagramProblems } from './findings.js';
export { isDrawnDiagram } from './drawn-mark.js';
export { sourceReader } from '../code/source-reader.js';
export type { ReadSource } from '../code/resolve-module.js';
