import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import proto from '@temporalio/proto';
import { editMessage, editText, fieldOf, textOf } from './wire.js';

const { WorkflowExecution, Payload } = proto.temporal.api.common.v1;
const { PollActivityTaskQueueResponse } = proto.temporal.api.workflowservice.v1;

describe('an edit of a serialized message', () => {
  it('changes the field and nothing else, at any depth', () => {
    fc.assert(
      fc.property(
        fc.string(),
        fc.string(),
        fc.uint8Array(),
        fc.nat(),
        (workflowId, runId, token, attempt) => {
          const message = {
            taskToken: token,
            workflowExecution: { workflowId, runId },
            attempt,
            activityId: 'a',
            input: { payloads: [{ data: token }] },
          };
          const bytes = PollActivityTaskQueueResponse.encode(message).finish();
          const edited = editMessage(bytes, { 4: { 1: editText((id) => `${id}!`) } });
          const expected = {
            ...message,
            workflowExecution: { workflowId: workflowId && `${workflowId}!`, runId },
          };
          const decoded = PollActivityTaskQueueResponse.toObject(
            PollActivityTaskQueueResponse.decode(edited),
          );
          const wanted = PollActivityTaskQueueResponse.toObject(
            PollActivityTaskQueueResponse.decode(PollActivityTaskQueueResponse.encode(expected).finish()),
          );
          expect(decoded).toEqual(wanted);
        },
      ),
    );
  });

  it('that changes nothing answers with the very same bytes', () => {
    const bytes = WorkflowExecution.encode({ workflowId: 'a', runId: 'b' }).finish();
    expect(editMessage(bytes, { 1: editText((id) => id), 7: () => Buffer.from('x') })).toBe(bytes);
  });

  it('keeps fields that nobody here knows', () => {
    const unknown = Buffer.from([0xfa, 0x3f, 3, 1, 2, 3]);
    const bytes = Buffer.concat([WorkflowExecution.encode({ workflowId: 'a' }).finish(), unknown]);
    const edited = editMessage(bytes, { 1: () => Buffer.from('long'.repeat(100)) });
    expect(Buffer.from(edited).subarray(-unknown.length)).toEqual(unknown);
    expect(textOf(fieldOf(edited, 1))).toBe('long'.repeat(100));
  });

  it('edits every occurrence of a repeated field', () => {
    const { Payloads } = proto.temporal.api.common.v1;
    const bytes = Payloads.encode({
      payloads: [{ data: Buffer.from('a') }, { data: Buffer.from('b') }],
    }).finish();
    const edited = Payloads.decode(editMessage(bytes, { 1: { 2: (data) => Buffer.concat([data, data]) } }));
    expect(edited.payloads?.map(({ data }) => textOf(data!))).toEqual(['aa', 'bb']);
  });

  it('throws on what is no message, and reads an absent field as empty', () => {
    expect(() => editMessage(Buffer.from([0x0a, 0x7f, 1]), { 1: (value) => value })).toThrow();
    expect(fieldOf(Payload.encode({}).finish(), 2)).toHaveLength(0);
  });
});
