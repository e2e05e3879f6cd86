import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { type DiagramCheck } from '@pegasus-workflows/contracts';
import { loadProject, type ProjectWorkflow } from '@pegasus-workflows/project';
import {
  checkDiagramAgainstCode,
  drawDiagram,
  type ReadSource,
  sourceReader,
} from '@pegasus-workflows/project/diagram';

export const repository = fileURLToPath(new URL('../../', import.meta.url));

/** A workflow whose diagram is drawn and compared. */
export interface Subject {
  workflow: ProjectWorkflow;
  read: ReadSource;
}

export async function subjectsOf(dir: string): Promise<Subject[]> {
  const { workflows } = await loadProject(dir);
  return workflows.map((workflow) => ({ workflow, read: sourceReader(dir) }));
}

/** Folders of a folder, apart from those that are no template or example. */
export async function foldersIn(dir: string): Promise<string[]> {
  const entries = await readdir(path.join(repository, dir), { withFileTypes: true });
  return entries.filter((one) => one.isDirectory() && !one.name.startsWith('_')).map(({ name }) => name);
}

export function draw({ workflow, read }: Subject): string {
  const { entryPoints, activitiesModule } = workflow;
  return drawDiagram({ entryPoints, activitiesModule, read });
}

export function compare(diagram: string, { workflow, read }: Subject): Promise<DiagramCheck> {
  return checkDiagramAgainstCode(diagram, { entryPoints: workflow.entryPoints, read });
}

/** The same workflow with its code changed. */
export function withCode(subject: Subject, change: (text: string, file: string) => string): Subject {
  const read: ReadSource = (file) => {
    const text = subject.read(file);
    return text === undefined ? undefined : change(text, file);
  };
  return { ...subject, read };
}
