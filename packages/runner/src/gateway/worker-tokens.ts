/**
 * Job: the task tokens that one worker process is given, in place of Temporal's.
 *
 * Boundary: holds a key, and no token: what it sealed it opens, however many tasks are out.
 *
 * Invariants
 * 1. A token opens only with the seal that made it: another worker's, a made-up or an altered one is none.
 * 2. A token is of one kind; what answers activities does not open a workflow task's, nor the reverse.
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

/** How much history a run has. */
export interface HistorySize {
  events: number;
  /** 0 where the task came without the end of its history. */
  bytes: number;
}

export type TaskKind = 'workflow' | 'activity';

/** A task that was handed to a worker. Ids are Temporal's. */
export interface Task {
  kind: TaskKind;
  /** Temporal's own token. */
  token: Uint8Array;
  /** The queue it was polled from; of a sticky one, the queue behind it. */
  taskQueue: string;
  workflowId: string;
  runId: string;
  /** Of a workflow task: how much history there was before it. */
  history?: HistorySize;
}

const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const CIPHER = 'aes-256-gcm';

export class TaskTokens {
  readonly #key = randomBytes(KEY_BYTES);

  seal(task: Task): Uint8Array {
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv(CIPHER, this.#key, nonce);
    cipher.setAAD(Buffer.from(task.kind));
    const head = JSON.stringify([task.taskQueue, task.workflowId, task.runId, task.history]);
    const size = Buffer.alloc(2);
    size.writeUInt16BE(Buffer.byteLength(head));
    return Buffer.concat([
      nonce,
      cipher.update(size),
      cipher.update(head, 'utf8'),
      cipher.update(task.token),
      cipher.final(),
      cipher.getAuthTag(),
    ]);
  }

  /** The task that a token stands for; `undefined` when it was not sealed here, or is of another kind. */
  open(kind: TaskKind, sealed: Uint8Array): Task | undefined {
    if (sealed.length < NONCE_BYTES + TAG_BYTES) return undefined;
    const end = sealed.length - TAG_BYTES;
    const decipher = createDecipheriv(CIPHER, this.#key, sealed.subarray(0, NONCE_BYTES), {
      authTagLength: TAG_BYTES,
    });
    decipher.setAAD(Buffer.from(kind));
    decipher.setAuthTag(sealed.subarray(end));
    const plain = decipher.update(sealed.subarray(NONCE_BYTES, end));
    try {
      decipher.final();
    } catch {
      return undefined;
    }
    const headEnd = 2 + plain.readUInt16BE(0);
    const [taskQueue, workflowId, runId, history] = JSON.parse(plain.toString('utf8', 2, headEnd)) as [
      string,
      string,
      string,
      HistorySize | null,
    ];
    return {
      kind,
      token: plain.subarray(headEnd),
      taskQueue,
      workflowId,
      runId,
      ...(history ? { history } : {}),
    };
  }
}
