import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  artifactTaskQueue,
  parseArtifactTaskQueue,
  parseTemporalWorkflowId,
  temporalWorkflowId,
  versionSchema,
  workflowNameSchema,
} from './names.js';

const name = fc.stringMatching(/^[a-z0-9][a-z0-9_-]{0,63}$/);
const sha256 = fc.stringMatching(/^[0-9a-f]{64}$/);

describe('Temporal workflow ids', () => {
  it('round-trip through the parser', () => {
    fc.assert(
      fc.property(fc.uuid(), name, fc.uuid(), (tenantId, workflowName, executionId) => {
        const id = temporalWorkflowId(tenantId, workflowName, executionId);
        expect(parseTemporalWorkflowId(id)).toEqual({ tenantId, workflowName, executionId });
      }),
    );
  });

  it.each(['', 'wf', 'wf/a/b/c', 'order-7', 'wf/x/y/z/extra', 'schedule/1/2/3'])(
    'does not read %j as ours',
    (id) => {
      expect(parseTemporalWorkflowId(id)).toBeUndefined();
    },
  );

  it('never throws on any string', () => {
    fc.assert(fc.property(fc.string(), (id) => void parseTemporalWorkflowId(id)));
  });
});

describe('artifact task queues', () => {
  it('round-trip through the parser', () => {
    fc.assert(
      fc.property(fc.uuid(), sha256, fc.boolean(), (tenantId, artifactSha256, dryRun) => {
        expect(parseArtifactTaskQueue(artifactTaskQueue(tenantId, artifactSha256, dryRun))).toEqual({
          tenantId,
          artifactSha256,
          dryRun,
        });
      }),
    );
  });

  it('are read only in full', () => {
    expect(parseArtifactTaskQueue('artifact/a/b')).toBeUndefined();
    expect(parseArtifactTaskQueue(`x${artifactTaskQueue('0'.repeat(36), 'a'.repeat(64))}`)).toBeUndefined();
  });
});

describe('names and versions', () => {
  it.each(['hello', '0', 'a_b-c', 'a'.repeat(64)])('accepts the name %s', (value) => {
    expect(workflowNameSchema.safeParse(value).success).toBe(true);
  });
  it.each(['', 'Hello', '-a', '_a', 'a b', 'a'.repeat(65), 'a/b', 'ä'])('refuses the name %j', (value) => {
    expect(workflowNameSchema.safeParse(value).success).toBe(false);
  });
  it.each(['1.0.0', '0.0.1', '10.20.30-dev.4', '1.0.0-rc.1'])('accepts the version %s', (value) => {
    expect(versionSchema.safeParse(value).success).toBe(true);
  });
  it.each(['1', '1.0', 'v1.0.0', '1.0.0-', '1.0.0-RC', '1.0.0+build', ' 1.0.0'])(
    'refuses the version %j',
    (value) => {
      expect(versionSchema.safeParse(value).success).toBe(false);
    },
  );
});
