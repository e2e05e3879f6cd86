import module from 'node:module';

// Node 22 and later keep compiled code between starts; the types here are those of Node 20, which does not.
const { enableCompileCache } = module as { enableCompileCache?: () => unknown };
enableCompileCache?.();
const { main } = await import('./main.js');
await main();
