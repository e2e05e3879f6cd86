/**
 * Programs of which it is known what they do with their arguments. Options are known by name: one that is not in the
 * list may do anything, and so do names that are not here. Options with which a program follows links on its way down a
 * tree (`grep -R`, `rg -L`, `diff -r`) are not in it: what they reach cannot be told.
 */
export interface Program {
  /** Options that name no file and change nothing about what is read and written. */
  options?: RegExp;
  /** Options whose value, no file, is the next argument. */
  valued?: readonly string[];
  /** Arguments before the files: a pattern, a number. */
  skip?: number;
  /** What it does with the rest: `last` reads all but the last and writes that one. */
  files: 'none' | 'read' | 'write' | 'read-last-write' | 'write-all-trees';
  /** Reads or writes all that is below the files it is given. */
  subtree?: RegExp | true;
  /** Without files it takes the working folder. */
  here?: true | RegExp;
  /** Words that make it something else; a word that is not known may be one. */
  refuse?: RegExp;
}

const NO_FILES: Program = { files: 'none', options: /^-/ };
const SUM: Program = { files: 'read', options: /^(-[bt]|--binary|--text)$/ };

export const PROGRAMS: Readonly<Record<string, Program>> = {
  // What only prints or waits. `printf -v` and the subscripts of `test` are commands in disguise.
  ':': NO_FILES,
  true: NO_FILES,
  false: NO_FILES,
  echo: NO_FILES,
  pwd: NO_FILES,
  break: NO_FILES,
  continue: NO_FILES,
  basename: NO_FILES,
  dirname: NO_FILES,
  seq: { files: 'none', options: /^(-w|-?\d+)$/ },
  sleep: { files: 'none' },
  uname: { files: 'none', options: /^-[asnrvmpio]+$/ },
  whoami: { files: 'none' },
  nproc: { files: 'none' },
  id: { files: 'none', options: /^-[ugGn]+$/ },
  date: { files: 'none', options: /^(-u|-I\w*|-R)$/, refuse: /^[^-+]/ },
  which: { files: 'none', options: /^-a$/ },
  printf: { files: 'none', options: /^--$/ },
  test: { files: 'none', options: /^-[a-uw-zA-Z]{1,2}$/, refuse: /[[\]$`(]/ },
  '[': { files: 'none', options: /^-[a-uw-zA-Z]{1,2}$/, refuse: /[[$`(]|\].+/ },
  exit: { files: 'none' },

  // What reads files.
  cat: { files: 'read', options: /^-[AbeEnstTuv]+$/ },
  head: { files: 'read', options: /^(-\d+|-[qvz]+|-[nc]-?\d+|--(lines|bytes)=-?\d+)$/, valued: ['-n', '-c'] },
  tail: {
    files: 'read',
    options: /^(-\d+|-[qvz]+|-[nc][-+]?\d+|--(lines|bytes)=[-+]?\d+)$/,
    valued: ['-n', '-c'],
  },
  wc: { files: 'read', options: /^(-[clmwL]+|--(lines|words|bytes|chars))$/ },
  nl: { files: 'read', options: /^-ba$/ },
  od: { files: 'read', options: /^-[AtvxcbdoNj]\w*$/ },
  cmp: { files: 'read', options: /^-[bls]+$/ },
  diff: { files: 'read', options: /^(-[abBciNpquwy]+|-U\d+|--(brief|unified|color)(=\w+)?)$/ },
  cut: { files: 'read', options: /^(-[bcdf].*|-s|--complement)$/, valued: ['-b', '-c', '-d', '-f'] },
  sort: { files: 'read', options: /^(-[bdfghiMnRrVsucz]+|-k[\d.,bdfgiMhnRrV]+|-t.)$/, valued: ['-k', '-t'] },
  uniq: { files: 'read-last-write', options: /^-[cdDiuz]+$/ },
  tr: { files: 'none', options: /^-[cCdst]+$/ },
  rev: { files: 'read' },
  tac: { files: 'read' },
  fold: { files: 'read', options: /^(-[bs]+|-w\d+)$/, valued: ['-w'] },
  paste: { files: 'read', options: /^(-s|-d.*)$/, valued: ['-d'] },
  stat: { files: 'read', options: /^(-[Lt]|-c.+|--format=.*)$/, valued: ['-c'] },
  file: { files: 'read', options: /^-[biLh]+$/ },
  readlink: { files: 'read', options: /^-[efmn]+$/ },
  realpath: { files: 'read', options: /^-[emsqz]+$/ },
  md5sum: SUM,
  sha1sum: SUM,
  sha256sum: SUM,
  cksum: SUM,
  du: { files: 'read', options: /^(-[abchkms]+|-d\d+|--max-depth=\d+)$/, subtree: true, here: true },
  ls: {
    files: 'read',
    options: /^(-[1aAbBcCdfFgGhHiklLmnNopqQrRsStuUvwxXZ]+|--(color|sort|time-style)(=[\w+-]+)?|--all)$/,
    subtree: /^-\w*R/,
    here: true,
  },
  tree: {
    files: 'read',
    options: /^(-[adfFhsCnpugD]+|-L\d*|--(dirsfirst|noreport))$/,
    valued: ['-L', '-I', '-P'],
    subtree: true,
    here: true,
  },
  grep: {
    files: 'read',
    skip: 1,
    options:
      /^(-[abcEFGhHiIlLnoPqrsvwxyz]+|-[ABCm]\d+|--(color|colour|include|exclude|exclude-dir|context|max-count)=.*|--(ignore-case|line-number|recursive|count|files-with-matches|word-regexp|fixed-strings|extended-regexp|color))$/,
    valued: ['-A', '-B', '-C', '-m'],
    subtree: /^(-\w*r|--recursive$)/,
    here: /^(-\w*r|--recursive$)/,
  },
  rg: {
    files: 'read',
    skip: 1,
    options:
      /^(-[acFhHiIlnNopPqsSuUvwx]+|-[ABCmt]\w+|-g.+|--(glob|type|context|max-count|color|max-depth)=.*|--(ignore-case|line-number|count|files-with-matches|word-regexp|fixed-strings|hidden|no-ignore|no-heading|multiline))$/,
    valued: ['-A', '-B', '-C', '-m', '-g', '-t', '-T'],
    subtree: true,
    here: true,
  },

  // What writes files. Each of them goes through links, which is why the folder's own entry is named as well.
  mkdir: { files: 'write', options: /^(-[pv]+|--parents|--verbose)$/ },
  rmdir: { files: 'write', options: /^(-[pv]+|--parents)$/ },
  touch: { files: 'write', options: /^-[acm]+$/ },
  tee: { files: 'write', options: /^(-[ai]+|--append)$/ },
  truncate: { files: 'write', options: /^(-c|-s[-+]?\d+\w?)$/, valued: ['-s'] },
  rm: { files: 'write', options: /^(-[rRfdIv]+|--(recursive|force))$/, subtree: /^(-\w*[rR]|--recursive$)/ },
  mv: { files: 'write-all-trees', options: /^-[fnvuT]+$/ },
  cp: { files: 'read-last-write', options: /^-[fnvupT]+$/ },
};

/** They take a command as their arguments; how many of those come before it. */
export const WRAPPERS: Readonly<Record<string, { before: number; options?: RegExp }>> = {
  timeout: { before: 1 },
  nice: { before: 0, options: /^-n?\d+$/ },
  nohup: { before: 0 },
  time: { before: 0, options: /^-p$/ },
  command: { before: 0 },
  stdbuf: { before: 0, options: /^-[ioe][L0]$/ },
};

/** Shells, which take a command line as the value of `-c`. */
export const SHELLS: ReadonlySet<string> = new Set(['bash', 'sh', 'dash']);

/** They change what later words mean, or run what is not written there. */
export const OPAQUE: ReadonlySet<string> = new Set(
  (
    'eval source . exec trap alias unalias set shopt enable builtin hash bind complete compgen compopt export declare ' +
    'typeset local readonly unset read readarray mapfile getopts let pushd popd dirs fc history caller umask ulimit ' +
    'xargs parallel env sudo su doas chroot nsenter unshare setsid at batch crontab script expect busybox ' +
    'zsh ksh csh tcsh fish coproc wait kill jobs fg bg disown suspend logout return shift'
  ).split(' '),
);

/** Programs that are there for the network. */
export const NETWORK: ReadonlySet<string> = new Set(
  (
    'curl wget nc ncat netcat socat ssh scp sftp rsync ftp telnet dig nslookup host ping traceroute whois http https ' +
    'gh glab aws gcloud az kubectl helm docker podman terraform npx bunx pipx uvx'
  ).split(' '),
);

/** Programs that call the network with one of these words. */
export const NETWORK_WORDS: Readonly<Record<string, RegExp>> = {
  git: /^(clone|fetch|pull|push|ls-remote|submodule|archive|remote|send-email|request-pull)$/,
  npm: /^(i|install|ci|add|update|publish|exec|x|create|init|view|info|audit|login|adduser|whoami)$/,
  pnpm: /^(i|install|add|update|publish|dlx|create|fetch)$/,
  yarn: /^(install|add|up|upgrade|publish|dlx|create)$/,
  bun: /^(i|install|add|update|x|create|publish)$/,
  pip: /^(install|download|search)$/,
  pip3: /^(install|download|search)$/,
  uv: /^(add|sync|pip|tool|lock)$/,
  poetry: /^(add|install|update|publish|lock)$/,
  cargo: /^(add|install|fetch|update|publish|search)$/,
  go: /^(get|install|mod|download)$/,
  gem: /^(install|update|push|fetch)$/,
  bundle: /^(install|update|add)$/,
  composer: /^(install|update|require)$/,
  'apt-get': /^(install|update|upgrade)$/,
  apt: /^(install|update|upgrade)$/,
  apk: /^(add|update|upgrade)$/,
  brew: /^(install|update|upgrade|tap)$/,
};

/** What git only shows, with the options that keep it so. Its settings can name programs, and nobody may write those. */
const SHOWN =
  /^(-[pswbM]|-\d+|-n\d+|-U\d+|--(stat|name-only|name-status|oneline|cached|staged|short|porcelain|numstat|no-color|graph|all|decorate|no-pager|abbrev-ref|show-toplevel|verify|quiet)|--(max-count|format|pretty|since|until|author|grep)=.*|--)$/;
export const GIT_READS: Readonly<Record<string, RegExp>> = {
  status: SHOWN,
  diff: SHOWN,
  log: SHOWN,
  show: SHOWN,
  blame: /^(-[ws]|-L\d+,\d+)$/,
  'ls-files': /^(-[cdmos]|--(cached|others|modified|exclude-standard|deleted))$/,
  'rev-parse': SHOWN,
  'rev-list': /^(--(count|all)|-\d+|--max-count=\d+)$/,
  'merge-base': /^--is-ancestor$/,
  'cat-file': /^-[pte]$/,
  describe: /^--(tags|always|dirty)$/,
  shortlog: /^-[sne]+$/,
};

/** A script of sed that only prints, deletes or replaces in what it is given: no command that writes or runs. */
export const SED_SCRIPT =
  /^(\d+|\$)?(,(\d+|\$))?([pd=]|s([/|#,:])((?!\5)[^\\\n]|\\[^\n])*\5((?!\5)[^\\\n]|\\[^\n])*\5[gIp\d]*)$/;

/** Tests of find that neither run nor write anything; those with a value take the next word. */
export const FIND_TESTS =
  /^-(not|o|a|or|and|print|print0|empty|ls|prune|depth|xdev|mount|readable|writable|executable)$|^[!(),]$/;
export const FIND_VALUED =
  /^-(name|iname|path|ipath|wholename|type|maxdepth|mindepth|size|mtime|mmin|ctime|atime|regex|iregex|perm|links|user|group)$/;
