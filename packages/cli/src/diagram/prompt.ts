import { type DiagramCheck } from '@pegasus-workflows/contracts';
import { type ProjectWorkflow } from '@pegasus-workflows/project/manifest';

export interface PromptFacts {
  workflow: ProjectWorkflow;
  /** Absolute path of the diagram. */
  output: string;
  /** Absolute paths of the code to read, the entry points first. */
  sources: readonly string[];
  /** What is in the way now: problems of the diagram, one sentence each. */
  findings: readonly string[];
  verdict: DiagramCheck['verdict'] | 'ABSENT';
  /** The command that checks the result. */
  command: string;
}

/** The task for an author's own coding agent: what to read, where to write, by which rules. */
export function diagramPrompt({
  workflow,
  output,
  sources,
  findings,
  verdict,
  command,
}: PromptFacts): string {
  const entries = workflow.entryPoints.map(({ exportName, file }) => `${exportName} in ${file}`).join(', ');
  return `# Diagram of the workflow "${workflow.name}"

Write a Mermaid diagram of this Temporal workflow for people who do not read code, to the file

    ${output}

The workflow is ${entries}. Read these files first, and what they import:

${sources.map((file) => `- ${file}`).join('\n')}

## What to show

- One flowchart, \`flowchart TD\`, of what the business sees: the steps, in order, from how a run starts to every way it ends.
- Every activity, every signal the workflow receives, every child workflow. Nothing that the code does not do.
- Waits with their length, decisions with a question as the label and an answer on each arrow, loops as arrows back.
- What happens when a step fails or a wait runs out, where the code handles it.
- No queries, logging, metrics, retries of Temporal's own, types or variables.

## How a node names its step

The diagram is compared with the code, so each activity, signal and child workflow must be named by a node in one of these ways:

1. its id is the name in the code: \`sendReminder[Remind the reviewer]\`. Use this when the label says it in other words.
2. its label has the words of the name, in their order: "Send the reminder" names \`sendReminder\`. Capitals, hyphens and words
   such as "the", "a", "to", "of" do not count. A signal may stand on an arrow or as \`Wait for: approve\`.
3. its label holds the name itself: \`Reminder (sendReminder)\`.

Two nodes of one activity: put its name into the label of both, or name one by id. A node that is no step gets a plain lower-case
id (\`paid\`, \`wait1\`) and prose; a camelCase id on a box claims a step of that name.

## Form

- Plain Mermaid: no HTML, no theme, no click handlers, no emoji. Labels of at most eight words, in quotes when they hold punctuation.
- Shapes: \`([Start or end])\`, \`[Activity]\`, \`[[Child workflow]]\`, \`>Signal]\`, \`[/Wait/]\`, \`{Question?}\`.
- At most about 30 nodes; what happens in several places is drawn once.
- The file holds the diagram alone: no Markdown fence around it.

## As it is now

${state(verdict, findings)}

When it is written, run \`${command}\` and mend what it finds.
`;
}

function state(verdict: PromptFacts['verdict'], findings: readonly string[]): string {
  if (verdict === 'ABSENT') return 'There is no diagram yet.';
  if (findings.length > 0)
    return `The diagram that is there does not fit the code:\n\n${findings.map((one) => `- ${one}`).join('\n')}`;
  return verdict === 'MATCHES'
    ? 'The diagram that is there names every step of the code. Improve its words; keep the names.'
    : 'The diagram that is there was not compared with the code.';
}
