import proto from '@temporalio/proto';

const { DescribeNamespaceResponse } = proto.temporal.api.workflowservice.v1;

/**
 * What a worker is told of its namespace: name, state, capabilities and limits. Owner, description, data and clusters
 * are the operator's. Capabilities whose calls the gateway does not pass are shown as absent, so that no SDK tries them.
 */
export function describedNamespace(response: Uint8Array): Uint8Array {
  const { namespaceInfo } = DescribeNamespaceResponse.decode(response);
  const { name, state, capabilities, limits } = namespaceInfo ?? {};
  return DescribeNamespaceResponse.encode({
    namespaceInfo: {
      ...(name ? { name } : {}),
      ...(state ? { state } : {}),
      ...(limits ? { limits } : {}),
      capabilities: { ...capabilities, workerHeartbeats: false, workerCommands: false },
    },
  }).finish();
}
