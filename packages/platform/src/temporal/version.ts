/**
 * The release of Temporal's CLI (which carries the server) that Pegasus builds, downloads and is tested with.
 * Later tags have a `replace` in their go.mod, which `go install` refuses.
 */
export const TEMPORAL_CLI_VERSION = '1.5.1';

const MODULE = 'github.com/temporalio/cli';

/** What `go install` is given. */
export const TEMPORAL_GO_PACKAGE = `${MODULE}/cmd/temporal@v${TEMPORAL_CLI_VERSION}`;

/** Linker flags: no debug tables (a third of the file), and the version that `temporal --version` prints. */
export const TEMPORAL_GO_LDFLAGS = `-s -w -X ${MODULE}/temporalcli.Version=${TEMPORAL_CLI_VERSION}`;

/** How many packages that build compiles on a machine that has none of them: for a progress line, not for a decision. */
export const TEMPORAL_GO_PACKAGES = 1300;
