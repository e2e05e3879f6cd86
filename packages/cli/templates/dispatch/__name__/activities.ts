/**
 * What `dispatchSubagent` does outside of the workflow: it hands a task to an agent, reads how far it is, and cancels it.
 * Activities of your own go below.
 */
export * from 'pegasus-workflows-sdk/agents/activities';
