/**
 * Job: the tokens that one worker process is given, in place of Temporal's: of its tasks, and of the pages of a history.
 *
 * Boundary: holds a key, and no token: what it sealed it opens, however many are out.
 *
 * Invariants
 * 1. A token opens only with the seal that made it: another worker's, a made-up or an altered one is none.
 * 2. A token is of one kind: what answers activities does not open a workflow task's, nor the reverse, and a page's opens
 *    for the history of its own run alone.
 */
import { createCipheriv, createDecipheriv, createSecretKey, randomBytes } from 'node:crypto';

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
const COUNT_BYTES = 6;
const TAG_BYTES = 16;
const SIZE_BYTES = 2;
const CIPHER = 'aes-256-gcm';

export class WorkerTokens {
  readonly #key = createSecretKey(randomBytes(KEY_BYTES));
  /** How many it has made. The key is this object's alone, so a count never comes twice with it, which is all that
   * GCM asks of a nonce; random bytes would cost a call of the system for each task. */
  #sealed = 0;

  sealTask(task: Task): Uint8Array {
    const head = Buffer.from(JSON.stringify([task.taskQueue, task.workflowId, task.runId, task.history]));
    const size = Buffer.allocUnsafe(SIZE_BYTES);
    size.writeUInt16BE(head.length);
    return this.#seal(task.kind, Buffer.concat([size, head, task.token]));
  }

  /** The task that a token stands for; `undefined` when it was not sealed here, or is of another kind. */
  openTask(kind: TaskKind, sealed: Uint8Array): Task | undefined {
    const plain = this.#open(kind, sealed);
    if (!plain) return undefined;
    const headEnd = SIZE_BYTES + plain.readUInt16BE(0);
    const [taskQueue, workflowId, runId, history] = JSON.parse(
      plain.toString('utf8', SIZE_BYTES, headEnd),
    ) as [string, string, string, HistorySize | null];
    const token = plain.subarray(headEnd);
    return { kind, token, taskQueue, workflowId, runId, ...(history ? { history } : {}) };
  }

  /** Temporal's token of the next page of a run's history. One that is empty says that there is none, and stays. */
  sealPage(runId: string, token: Uint8Array): Uint8Array {
    return token.length === 0 ? token : this.#seal(pageOf(runId), token);
  }

  /** Temporal's token of a page; `undefined` when it was not sealed here, or for another run. */
  openPage(runId: string, sealed: Uint8Array): Uint8Array | undefined {
    return sealed.length === 0 ? sealed : this.#open(pageOf(runId), sealed);
  }

  #seal(kind: string, plain: Uint8Array): Uint8Array {
    const nonce = Buffer.alloc(NONCE_BYTES);
    nonce.writeUIntBE(++this.#sealed, NONCE_BYTES - COUNT_BYTES, COUNT_BYTES);
    const cipher = createCipheriv(CIPHER, this.#key, nonce);
    cipher.setAAD(Buffer.from(kind));
    return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
  }

  #open(kind: string, sealed: Uint8Array): Buffer | undefined {
    if (sealed.length < NONCE_BYTES + TAG_BYTES) return undefined;
    const end = sealed.length - TAG_BYTES;
    const nonce = sealed.subarray(0, NONCE_BYTES);
    const decipher = createDecipheriv(CIPHER, this.#key, nonce, { authTagLength: TAG_BYTES });
    decipher.setAAD(Buffer.from(kind));
    decipher.setAuthTag(sealed.subarray(end));
    const plain = decipher.update(sealed.subarray(NONCE_BYTES, end));
    try {
      decipher.final();
    } catch {
      return undefined;
    }
    return plain;
  }
}

const pageOf = (runId: string): string => `page\0${runId}`;
