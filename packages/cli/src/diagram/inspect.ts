import { type DiagramCheck } from '@pegasus-workflows/contracts';
import { formatProblem } from '@pegasus-workflows/project';
import {
  checkDiagram,
  checkDiagramAgainstCode,
  diagramProblems,
  sourceReader,
} from '@pegasus-workflows/project/diagram';
import { type Project, type ProjectWorkflow } from '@pegasus-workflows/project/manifest';

/** What is known about one workflow's diagram. */
export interface Inspection {
  workflow: ProjectWorkflow;
  /** Below the project. */
  file: string;
  /** ABSENT: there is none. INVALID: it does not parse. */
  state: DiagramCheck['verdict'] | 'ABSENT' | 'INVALID';
  check: DiagramCheck;
  /** Each with place and remedy. */
  problems: string[];
}

export async function inspectDiagram(project: Project, workflow: ProjectWorkflow): Promise<Inspection> {
  const file = `${workflow.sourceDir}/workflow.mmd`;
  const { diagram } = workflow.manifest;
  const check = await checkDiagramAgainstCode(diagram, {
    entryPoints: workflow.entryPoints,
    read: sourceReader(project.dir),
  });
  if (diagram === '') {
    const problems = [
      `${file} does not exist, or is empty — make one: pegasus-workflows diagram --draw --write`,
    ];
    return { workflow, file, state: 'ABSENT', check, problems };
  }
  const invalid = await checkDiagram(diagram, file);
  if (invalid.length > 0)
    return { workflow, file, state: 'INVALID', check, problems: invalid.map(formatProblem) };
  const problems = diagramProblems(check, file).map(formatProblem);
  return { workflow, file, state: check.verdict, check, problems };
}
