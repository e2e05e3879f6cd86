import { readFile } from 'node:fs/promises';
import type { Resource } from '@modelcontextprotocol/sdk/types.js';

const PACKAGE = new URL('../../', import.meta.url);
const MARKDOWN = 'text/markdown';

interface Guide {
  uri: string;
  title: string;
  description: string;
  /** Below the package's folder. */
  file: string;
}

const GUIDES: readonly Guide[] = [
  {
    uri: 'pegasus://guide/authoring',
    title: 'Authoring guide',
    description:
      'How a workflow is made: project, determinism, activities, signals, timers, retries, tests, packaging, publishing. Read it first.',
    file: 'guide/authoring.md',
  },
  {
    uri: 'pegasus://guide/input-contract',
    title: 'Input contract',
    description: "The four shapes of a workflow's argument, and the helper that tells them apart, with code.",
    file: 'guide/input-contract.md',
  },
  {
    uri: 'pegasus://guide/secrets-config',
    title: 'Secrets and configuration',
    description: 'How a workflow declares what it needs, who sets it, and where it must never be.',
    file: 'guide/secrets-config.md',
  },
  {
    uri: 'pegasus://guide/changes',
    title: 'Changes between releases',
    description: 'What is different from the release you may have learned, the Python SDK 0.8.0 included.',
    file: 'CHANGELOG.md',
  },
  {
    uri: 'pegasus://reference/manifest',
    title: 'Reference of pegasus-workflows.toml',
    description: 'Every key, its limits and its name on the wire. Generated from the schema.',
    file: 'guide/generated/manifest.md',
  },
  {
    uri: 'pegasus://reference/api',
    title: 'Reference of the SDK',
    description:
      'Every export of pegasus-workflows-sdk with its signature and documentation. Generated from its types.',
    file: 'guide/generated/api.md',
  },
];

/** What the server offers to read, without the contents. */
export function listResources(): Resource[] {
  return GUIDES.map(({ uri, title, description }) => ({
    uri,
    name: uri.slice('pegasus://'.length),
    title,
    description,
    mimeType: MARKDOWN,
    annotations: { audience: ['assistant'] },
  }));
}

/** The contents of one resource; undefined when there is none of that URI. */
export async function readResource(
  uri: string,
): Promise<{ uri: string; mimeType: string; text: string } | undefined> {
  const guide = GUIDES.find((candidate) => candidate.uri === uri);
  if (!guide) return undefined;
  return { uri, mimeType: MARKDOWN, text: await readFile(new URL(guide.file, PACKAGE), 'utf8') };
}
