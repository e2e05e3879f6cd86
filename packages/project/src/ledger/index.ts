export {
  envFromUrl,
  findDeployment,
  LEDGER_FILE,
  readLedger,
  recordDeployment,
  type Deployment,
  type LedgerEntry,
} from './ledger.js';
