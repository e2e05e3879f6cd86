import { describe, expect, expectTypeOf, it } from 'vitest';
import { defineWorkflow, workflowMetadata } from './define-workflow.js';

describe('defineWorkflow', () => {
  it('returns the very function, its metadata out of sight', () => {
    async function hello(name: string): Promise<number> {
      return name.length;
    }
    const defined = defineWorkflow({ name: 'hello', version: '1.0.0' }, hello);
    expect(defined).toBe(hello);
    expect(defined.name).toBe('hello');
    expect(Object.keys(defined)).toEqual([]);
    expect(workflowMetadata(defined)).toEqual({ name: 'hello', version: '1.0.0' });
    expectTypeOf(defined).toBeCallableWith('x');
    expectTypeOf(defined).returns.resolves.toBeNumber();
    expectTypeOf(workflowMetadata(defined).name).toEqualTypeOf<'hello'>();
  });

  it('returns frozen metadata with literal types when given nothing else', () => {
    const metadata = defineWorkflow({ name: 'hello', version: '1.2.3', requiredActions: ['SendSms'] });
    expect(Object.isFrozen(metadata)).toBe(true);
    expectTypeOf(metadata.version).toEqualTypeOf<'1.2.3'>();
    // @ts-expect-error: an action that does not exist
    defineWorkflow({ name: 'hello', version: '1.0.0', requiredActions: ['FlyToTheMoon'] });
    // @ts-expect-error: the version is missing
    defineWorkflow({ name: 'hello' });
  });

  it('finds nothing on a plain workflow', () => {
    expect(workflowMetadata(async () => 1)).toBeUndefined();
  });
});
