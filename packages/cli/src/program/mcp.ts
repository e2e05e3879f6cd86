import { type Program } from './program.js';

/** `mcp`: what an author's coding agent is given. */
export function addMcpCommand(program: Program): void {
  program
    .command('mcp')
    .summary("guides and tools for an author's coding agent, over MCP")
    .description(
      'Serve the Model Context Protocol on standard input and output: guides to read, and tools that make, check and package projects. Started by the agent, as .mcp.json says; ends when its input ends. It offers nothing that publishes or runs.',
    )
    .action(program.running(async (context) => (await import('../commands/mcp.js')).mcp(context)));
}
