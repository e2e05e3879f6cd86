/** What `init` can make, in the order in which a newcomer should meet them. Each is a folder of `templates/`. */
export const TEMPLATES = {
  hello: 'waits and greets; a signal cuts the wait short',
  event: 'started by a domain event; once per event, with follow-up events as signals',
  schedule: 'a nightly job: pages of work, progress kept, runs that never overlap',
  approval: 'asks a person, reminds, escalates; undoes what was done when the answer is no',
  agent: 'a model that uses tools, within a budget, with a person asked first where it matters',
  dispatch: 'coding agents on a host: an architect plans, a coder carries it out',
} as const satisfies Record<string, string>;

export type TemplateName = keyof typeof TEMPLATES;
export const TEMPLATE_NAMES = Object.keys(TEMPLATES) as TemplateName[];
