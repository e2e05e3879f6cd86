// Puts a main file of ours and all that it imports into one file, so that a process starts without finding, reading and
// compiling a thousand modules: half of the processor time of a server's start.
import { readFile } from 'node:fs/promises';
import path from 'node:path';

/**
 * Bundles `<packageDir>/dist/<main>` into `<packageDir>/dist/<out>`, a module with its source map and the licences'
 * comments beside it. What the code finds by `import.meta.url` it finds from there as well.
 *
 * @param {string} packageDir
 * @param {{ main: string, out: string, external?: string[] }} files `external`: packages that stay modules of their own
 */
export async function bundleProcess(packageDir, { main, out, external = [] }) {
  const { build } = await import('esbuild');
  const dist = path.join(packageDir, 'dist');
  const outfile = path.join(dist, out);
  await build({
    entryPoints: [path.join(dist, main)],
    outfile,
    bundle: true,
    platform: 'node',
    target: 'node20.19',
    format: 'esm',
    // CommonJS packages among them expect what Node gives theirs.
    banner: {
      js: [
        'import { createRequire as $createRequire } from "node:module";',
        'const require = $createRequire(import.meta.url), __filename = import.meta.filename, __dirname = import.meta.dirname;',
      ].join('\n'),
    },
    minifyWhitespace: true,
    sourcemap: true,
    sourcesContent: false,
    legalComments: 'external',
    external,
    plugins: [ownUrls(dist, path.dirname(outfile))],
    logLevel: 'warning',
  });
}

/**
 * `import.meta.url` as what it was before bundling. Only of the package itself: where another one will lie once both are
 * installed, nobody knows.
 */
function ownUrls(dist, outDir) {
  return {
    name: 'own-urls',
    setup({ onLoad }) {
      onLoad({ filter: /\.m?js$/ }, async ({ path: file }) => {
        const text = await readFile(file, 'utf8');
        if (!text.includes('import.meta.url')) return undefined;
        if (!file.startsWith(dist + path.sep)) {
          return { errors: [{ text: `${file} asks where it is; name its package as external` }] };
        }
        const relative = JSON.stringify(path.relative(outDir, file).split(path.sep).join('/'));
        const url = `new URL(${relative}, import.meta.url).href`;
        return { contents: text.replaceAll('import.meta.url', url), loader: 'js' };
      });
    },
  };
}
