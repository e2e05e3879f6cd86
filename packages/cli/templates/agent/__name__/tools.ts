/** The tools that the model is offered. What each does is the activity of the same name. */
export interface Tool {
  name: 'listFiles' | 'readTextFile' | 'writeTextFile' | 'runCommand';
  description: string;
  /** JSON schema of each argument; all are required. */
  parameters: Record<string, { type: 'string'; description: string }>;
  /** It changes something: a person is asked first. */
  dangerous: boolean;
}

const path = { type: 'string', description: 'path in the workspace' } as const;

export const TOOLS: readonly Tool[] = [
  { name: 'listFiles', description: 'List the files of a folder.', parameters: { path }, dangerous: false },
  { name: 'readTextFile', description: 'Read a text file.', parameters: { path }, dangerous: false },
  {
    name: 'writeTextFile',
    description: 'Write a text file, replacing what is there.',
    parameters: { path, content: { type: 'string', description: 'the whole new content' } },
    dangerous: true,
  },
  {
    name: 'runCommand',
    description: 'Run a shell command in the workspace and see its output.',
    parameters: { command: { type: 'string', description: 'such as "npm test"' } },
    dangerous: true,
  },
];

/** What a tool is called with, once it was checked. */
export type Arguments = Record<string, string>;

/** The tool and its arguments, or a sentence for the model about what is wrong with its call. */
export function readCall(name: string, json: string): { tool: Tool; args: Arguments } | { problem: string } {
  const tool = TOOLS.find((known) => known.name === name);
  if (!tool)
    return { problem: `There is no tool ${name}; there are: ${TOOLS.map((one) => one.name).join(', ')}.` };
  let given: unknown;
  try {
    given = JSON.parse(json);
  } catch {
    return { problem: `The arguments of ${name} are not JSON.` };
  }
  const values = new Map<string, unknown>(Object.entries(given ?? {}));
  const missing = Object.keys(tool.parameters).filter((key) => typeof values.get(key) !== 'string');
  if (missing.length > 0) return { problem: `${name} needs, as strings: ${missing.join(', ')}.` };
  return { tool, args: Object.fromEntries([...values].map(([key, value]) => [key, String(value)])) };
}
