import { TestWorkflowEnvironment } from '@temporalio/testing';

/**
 * `node download-main.js <directory> <version>`: has Temporal's SDK download the CLI into a directory, by starting a
 * server from it and stopping it again. Failure is one line on standard error and exit code 1.
 */
const [downloadDir, version] = process.argv.slice(2);

async function main(): Promise<void> {
  if (!downloadDir || !version) throw new Error('usage: download-main.js <directory> <version>');
  const environment = await TestWorkflowEnvironment.createLocal({
    server: { executable: { type: 'cached-download', downloadDir, version } },
  });
  await environment.teardown();
}

main().then(
  () => process.exit(0),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  },
);
