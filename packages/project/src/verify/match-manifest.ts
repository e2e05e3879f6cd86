import type { Manifest, Requirement } from '@pegasus-workflows/contracts';
import type { DeclaredManifest } from '../manifest/index.js';

const TOML_NAMES: Record<keyof DeclaredManifest, string> = {
  name: 'name',
  version: 'version',
  entryPoints: 'entry_points',
  description: 'description',
  requiredActions: 'required_actions',
  timeoutSeconds: 'timeout_seconds',
  requiredSecrets: 'required_secrets',
  requiredConfigs: 'required_configs',
};

/** One sentence for each field in which the manifest in the zip is unlike the finalized one; the diagram aside. */
export function compareManifests(inZip: DeclaredManifest, finalized: Manifest): string[] {
  const fields = Object.keys(TOML_NAMES) as (keyof DeclaredManifest)[];
  return fields
    .filter((field) => canonical(inZip[field]) !== canonical(finalized[field]))
    .map(
      (field) =>
        `Manifest field "${field}" is ${show(finalized[field])}, but \`${TOML_NAMES[field]}\` in the artifact's pegasus-workflows.toml is ${show(inZip[field])}.`,
    );
}

/** Absent and empty are one, as are a requirement without a group and one of the group "global". */
function canonical(value: DeclaredManifest[keyof DeclaredManifest]): string {
  if (value === undefined || (Array.isArray(value) && value.length === 0)) return '';
  if (!Array.isArray(value)) return JSON.stringify(value);
  return JSON.stringify(value.map((item) => (typeof item === 'string' ? item : requirement(item))));
}

function requirement({ key, group = 'global', description = '' }: Requirement): string[] {
  return [key, group, description];
}

function show(value: unknown): string {
  if (value === undefined) return 'absent';
  const text = JSON.stringify(value);
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}
