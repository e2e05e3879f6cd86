// A test process that takes a server and is then killed: run by test-server.test.ts.
import { createTestHarness } from 'pegasus-workflows-sdk/testing';

const harness = await createTestHarness({ workflowsPath: process.argv[2] });
process.stdout.write(`${harness.address}\n`);
