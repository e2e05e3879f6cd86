import { ARTIFACT_PATHS, type ArtifactDescriptor, type Manifest } from '@pegasus-workflows/contracts';
import { rawZip, type ZipEntry } from './zip.js';

export const DIAGRAM = 'flowchart LR\n  start --> greet\n  greet --> done\n';

export interface Artifact {
  manifest: Manifest;
  zip: Buffer;
}

/** A sound artifact of one small workflow; `change` may spoil its entries. */
export function artifact(
  name = 'demo',
  version = '1.0.0',
  change: (entries: ZipEntry[]) => ZipEntry[] = (entries) => entries,
  manifestChange: Partial<Manifest> = {},
): Artifact {
  const manifest: Manifest = { name, version, entryPoints: ['demo/workflow:demoWorkflow'], diagram: DIAGRAM };
  const descriptor: ArtifactDescriptor = {
    format: 1,
    runtime: 'typescript',
    name,
    version,
    workflowType: 'demoWorkflow',
    hasActivities: false,
    temporalSdkVersion: '1.24.0',
  };
  const toml = [
    '[[workflow]]',
    `name = "${name}"`,
    `version = "${version}"`,
    'source_dir = "demo"',
    'entry_points = ["demo/workflow:demoWorkflow"]',
    '',
  ];
  const entries: ZipEntry[] = [
    { name: ARTIFACT_PATHS.manifest, data: toml.join('\n') },
    { name: ARTIFACT_PATHS.descriptor, data: JSON.stringify(descriptor) },
    { name: ARTIFACT_PATHS.workflowBundle, data: '"use strict";' },
    { name: 'demo/workflow.ts', data: 'export async function demoWorkflow(): Promise<void> {}\n' },
    { name: 'demo/workflow.mmd', data: DIAGRAM },
  ];
  return { manifest: { ...manifest, ...manifestChange }, zip: rawZip(change(entries)) };
}

/** Replaces the content of one entry, or removes it. */
export function withEntry(name: string, data: string | undefined): (entries: ZipEntry[]) => ZipEntry[] {
  return (entries) =>
    entries.flatMap((entry) =>
      entry.name !== name ? [entry] : data === undefined ? [] : [{ ...entry, data }],
    );
}

/** Adds entries at the end. */
export function plus(...added: ZipEntry[]): (entries: ZipEntry[]) => ZipEntry[] {
  return (entries) => [...entries, ...added];
}
