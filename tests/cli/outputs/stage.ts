import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect } from 'vitest';
import { isTerminal, type Execution } from '@pegasus-workflows/contracts';
import { PegasusClient } from 'pegasus-workflows-sdk/client';
import { freePort } from '../../../packages/platform/src/process/ports.js';
import { startTestPlatform, type TestPlatform } from '../../support/platform.js';
import { quarantineReportOf } from '../../support/quarantine-report.js';
import { testTemporalEnv } from '../../support/temporal.js';
import { eventually } from '../../support/wait.js';
import { TestReceiver } from '../../webhooks/receiver.js';
import { Terminal, type Finished } from '../cli.js';
import { normalize } from './normalize.js';

/** Keys and values that must never show, each with a part no other text has. */
export const SECRETS = {
  revoked: 'vnd_zzSECRETzzrevokedzz0123456789abcdef',
  stored: 'zzSECRETzz-the-value-of-a-secret-0815',
  odd: 'zzSECRETzz-a-token-of-another-shape-4711',
} as const;

/** A platform, a terminal that has never seen it, and what earlier commands left for later ones. */
export class Stage implements AsyncDisposable {
  /** Everything that was printed, as it was. */
  readonly printed: string[] = [];
  /** What scenarios remember for later ones: `{name}` in an argument. */
  readonly kept = new Map<string, string>();

  private constructor(
    readonly platform: TestPlatform,
    readonly terminal: Terminal,
    /** Takes what it is told at `/told`, fails at `/broken`. */
    private readonly receiver: TestReceiver,
    /** An address where nothing answers. */
    private readonly closed: string,
  ) {}

  static async open(): Promise<Stage> {
    const receiver = await TestReceiver.start();
    receiver.behave('/broken', () => ({ status: 500 }));
    const [platform, terminal] = await Promise.all([
      // Connections and webhooks of the scenarios lead back to this machine.
      startTestPlatform({ env: { PEGASUS_EGRESS_ALLOW: '127.0.0.1' } }),
      Terminal.open(testTemporalEnv()),
    ]);
    await mkdir(path.join(terminal.root, 'home', '.pegasus'), { recursive: true, mode: 0o700 });
    return new Stage(platform, terminal, receiver, `http://127.0.0.1:${await freePort('127.0.0.1')}`);
  }

  /** The profiles that `dev` and an operator would have written. */
  async writeCredentials(): Promise<void> {
    const { url, tenant, platformTenant } = this.platform;
    const profile = (name: string, key: string): string =>
      `[${name}]\napi_key = "${key}"\napi_root = "${url}"\n`;
    const text = [
      '# kept by hand',
      profile('local', tenant.apiKey),
      profile('operator', platformTenant.apiKey),
      profile('revoked', SECRETS.revoked),
    ].join('\n');
    await writeFile(this.credentialsFile, text, { mode: 0o600 });
  }

  get credentialsFile(): string {
    return path.join(this.terminal.root, 'home', '.pegasus', 'credentials');
  }

  /** All that must not be in any output: keys of the platform and those of {@link SECRETS}. */
  get secrets(): string[] {
    return [this.platform.tenant.apiKey, this.platform.platformTenant.apiKey, ...Object.values(SECRETS)];
  }

  /** In a process of its own, or, ten times as fast, in this one. */
  async run(
    args: string[],
    options: { cwd?: string; env?: NodeJS.ProcessEnv; input?: string; here?: boolean } = {},
  ): Promise<Finished> {
    const { here = false, ...rest } = options;
    const words = args.map((arg) => this.fill(arg));
    const finished = await (here ? this.terminal.runHere(words, rest) : this.terminal.run(words, rest));
    this.printed.push(finished.stdout, finished.stderr);
    return finished;
  }

  /** `{name}` is what a scenario kept; `{url}`, `{root}`, `{secret.odd}` are the stage's own. */
  fill(text: string): string {
    return text
      .replaceAll('{url}', this.platform.url)
      .replaceAll('{receiver}', this.receiver.url(''))
      .replaceAll('{root}', this.terminal.root)
      .replaceAll('{closed}', this.closed)
      .replace(/\{secret\.(\w+)\}/g, (_, name: keyof typeof SECRETS) => SECRETS[name])
      .replace(/\{(\w+)\}/g, (whole, name: string) => this.kept.get(name) ?? whole);
  }

  /** Keeps the id of the newest run of a workflow of the stage's tenant under a name. */
  async keepNewestRun(workflow: string, as: string): Promise<void> {
    this.kept.set(as, (await this.#newestRun(workflow)).id);
  }

  /** Resolves when a workflow's newest run has ended. */
  async awaitNewestRun(workflow: string): Promise<void> {
    await eventually(async () => {
      const { status } = await this.#newestRun(workflow);
      if (!isTerminal(status)) throw new Error(`the newest run of ${workflow} is ${status}`);
    });
  }

  async #newestRun(workflow: string): Promise<Execution> {
    const client = this.client();
    const versions = (await client.workflows.list()).filter(({ name }) => name === workflow);
    const runs = (
      await Promise.all(versions.map(({ id }) => client.executions.list(id, { limit: 1 })))
    ).flat();
    const [newest] = runs.toSorted((a, b) => b.createdAt.localeCompare(a.createdAt));
    if (!newest) throw new Error(`${workflow} has no run to keep`);
    return newest;
  }

  /** Keeps the id of a workflow's trigger of this kind. */
  async keepTrigger(workflow: string, kind: 'EVENT' | 'SCHEDULE', as: string): Promise<void> {
    const client = this.client();
    const versions = (await client.workflows.list()).filter(({ name }) => name === workflow);
    const triggers = (await Promise.all(versions.map(({ id }) => client.triggers.list(id)))).flat();
    this.keep(
      as,
      triggers.find((trigger) => trigger.kind === kind),
    );
  }

  /** Keeps the id of the newest event of a type, once it has started its runs. */
  async keepDispatchedEvent(type: string, as: string): Promise<void> {
    const client = this.client();
    const [event] = await client.events.list({ type, limit: 1 });
    this.keep(as, event);
    await eventually(async () => {
      const { dispatch, deliveries } = await client.events.get(event!.id);
      expect([dispatch.status, deliveries.map(({ status }) => status)]).toEqual(['DISPATCHED', ['RUNNING']]);
    });
  }

  async keepNewestWebhook(as: string): Promise<void> {
    this.keep(as, (await this.client().webhooks.list())[0]);
  }

  /** Keeps the id of a kept webhook's newest delivery, once it was taken. */
  async keepDelivery(webhook: string, as: string): Promise<void> {
    const [delivery] = await eventually(async () => {
      const deliveries = await this.client().webhooks.deliveries(this.kept.get(webhook)!, { limit: 1 });
      expect(deliveries).toEqual([expect.objectContaining({ status: 'DELIVERED' })]);
      return deliveries;
    });
    this.keep(as, delivery);
  }

  private keep(as: string, row: { id: string } | undefined): void {
    if (!row) throw new Error(`there is nothing to keep as ${as}`);
    this.kept.set(as, row.id);
  }

  /** Copies a project of `fixtures/` into the stage's root. */
  async bring(fixture: string): Promise<void> {
    const from = path.join(import.meta.dirname, 'fixtures', fixture);
    await cp(from, path.join(this.terminal.root, fixture), { recursive: true });
  }

  /** Resolves once a kept run has had an event of this type. */
  async untilSeen(run: string, workflow: string, type: string): Promise<void> {
    const client = this.client();
    const all = await client.workflows.list();
    const { id } = all.find(({ name }) => name === workflow)!;
    await eventually(async () => {
      const { events } = await client.executions.history(id, this.kept.get(run)!);
      expect(events.map((event) => event.type)).toContain(type);
    });
  }

  /** Resolves once an activity of a kept run has failed and waits for its next attempt. */
  async untilRetrying(run: string, workflow: string): Promise<void> {
    const client = this.client();
    const all = await client.workflows.list();
    const { id } = all.find(({ name }) => name === workflow)!;
    await eventually(async () => {
      const { pendingActivities } = await client.executions.history(id, this.kept.get(run)!);
      expect(pendingActivities).toEqual([expect.objectContaining({ state: 'SCHEDULED', attempt: 2 })]);
    });
  }

  /** A version is kept back, as if its worker had crashed too often. */
  async quarantine(workflow: string, version: string): Promise<void> {
    const all = await this.client().workflows.list();
    const crashed = all.find((one) => one.name === workflow && one.version === version)!;
    const token = await readFile(path.join(this.platform.dataDir, 'secrets', 'runner.token'), 'utf8');
    const reply = await fetch(`${this.platform.url}/internal/v1/quarantines`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token.trimEnd()}`, 'content-type': 'application/json' },
      body: JSON.stringify(quarantineReportOf(crashed, { exitCode: 7, signal: null })),
    });
    expect(reply.status).toBe(204);
  }

  private client(): PegasusClient {
    return new PegasusClient({ baseUrl: this.platform.url, token: this.platform.tenant.apiKey });
  }

  normalize(text: string): string {
    return normalize(text, [
      [this.platform.url, '<url>'],
      [`port ${new URL(this.platform.url).port}`, 'port <port>'],
      [this.receiver.url(''), '<receiver>'],
      [this.closed, '<closed>'],
      [this.platform.dataDir, '<data>'],
      [this.terminal.root, '<root>'],
    ]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.platform.dispose();
    await this.receiver[Symbol.asyncDispose]();
    await this.terminal[Symbol.asyncDispose]();
  }
}
