/** Every number that a client, an author or an operator can run into, in one place. Bytes unless the name says otherwise. */
export const LIMITS = {
  /** Largest artifact accepted by upload-url and finalize. */
  artifactBytes: 25 * 1024 * 1024,
  /** Sum of the uncompressed sizes of an artifact's entries. */
  artifactUncompressedBytes: 200 * 1024 * 1024,
  /** Files and folders in one artifact. */
  artifactEntries: 5_000,
  /** Uncompressed : compressed, measured per entry above `artifactRatioFloorBytes`. */
  artifactCompressionRatio: 200,
  /** Entries smaller than this, uncompressed, are exempt from the ratio check: short repetitive text compresses well. */
  artifactRatioFloorBytes: 1024 * 1024,
  /** A Mermaid diagram, in UTF-16 code units (JavaScript string length). */
  diagramCharacters: 50_000,
  /** Largest JSON body of a run request, signal, query or update; `PEGASUS_PAYLOAD_MAX_MB` may allow less of it. */
  runInputBytes: 16 * 1024 * 1024,
  /** Largest JSON body of an event, and largest body of a partner's call. */
  eventBytes: 1024 * 1024,
  /** Nesting of arrays and objects in a run's input. */
  runInputDepth: 64,
  /** Any other JSON body. */
  requestBodyBytes: 256 * 1024,
  /** Largest manifest.timeoutSeconds: 366 days. */
  workflowTimeoutSeconds: 366 * 24 * 3600,
  /** Longest delay of a run: 366 days. */
  runDelaySeconds: 366 * 24 * 3600,
  debounceSeconds: 24 * 3600,
  /** Largest `concurrencyLimit` of a run. */
  concurrencyLimit: 10_000,
  /** Recorded mutations of one dry run; the next one is refused. */
  dryRunMutations: 1_000,
  /** JSON of the arguments, and of the answer, of one recorded mutation; what is beyond is left out of the record. */
  dryRunRecordBytes: 4 * 1024,
  uploadUrlSeconds: 900,
  downloadUrlSeconds: 300,
  /** Longest time that a rotated key goes on working. */
  keyOverlapSeconds: 7 * 24 * 3600,
  executionsPageDefault: 50,
  executionsPageMax: 200,
  /** State of a projection, serialized as JSON in UTF-8. */
  projectionStateBytes: 256 * 1024,
  /** Body that carries it: every character may be written as `\uXXXX`. */
  projectionBodyBytes: 2 * 1024 * 1024,
  projectionsPageDefault: 50,
  projectionsPageMax: 200,
  /** States on one page of projections together; a page ends early rather than hold more, but for its first. */
  projectionsPageBytes: 4 * 1024 * 1024,
  /** Longest wait of a long poll (`?waitSeconds=`) on an execution. */
  waitSeconds: 55,
  /** Executions of one batch; a filter that fits more is refused. */
  batchExecutions: 10_000,
  /** Live streams that one server holds open for one tenant. */
  liveStreams: 100,
  /** Message of one log entry, in UTF-16 code units, and its attributes as JSON; what is beyond is cut off. */
  logMessageCharacters: 8 * 1024,
  logAttributesCharacters: 8 * 1024,
  /** Log entries of one execution that are kept: the first ones, and the last ones; those between are left out. */
  logFirstEntries: 1_000,
  logLastEntries: 1_000,
  /** Their messages and attributes together, of the first ones and of the last ones each. */
  logPartBytes: 1024 * 1024,
  /** Log entries that the supervisor hands over at once, and the body that carries them. */
  logBatchEntries: 500,
  logBatchBytes: 4 * 1024 * 1024,
  logsPageDefault: 200,
  logsPageMax: 1_000,
  /** Largest history that is exported, as JSON; Temporal itself ends a run whose history grows beyond 50 MiB. */
  historyExportBytes: 50 * 1024 * 1024,
} as const;
