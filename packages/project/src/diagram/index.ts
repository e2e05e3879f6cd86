export { checkDiagram, closeDiagrams, warmUpDiagrams } from './check-diagram.js';
