#!/usr/bin/env node
// Not built, so that npm can link it in a checkout before the first build.
require('../dist/start.cjs');
