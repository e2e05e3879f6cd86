import { type Shell } from './shells.js';

/**
 * The script of a shell. It holds no list of anything: on every Tab it hands the words of the line to
 * `<program> __complete` and shows what comes back, one candidate a line with a tab before its description, and last a
 * line that says what else fits: `:files`, `:folders` or `:end`.
 */
export function completionScript(shell: Shell, program: string): string {
  const id = program.replaceAll('-', '_');
  return SCRIPTS[shell].replaceAll('PROGRAM', program).replaceAll('ID', id);
}

const SCRIPTS: Record<Shell, string> = {
  bash: `# bash completion of PROGRAM
_ID_complete() {
  local line current="\${COMP_WORDS[COMP_CWORD]}" candidates=() rest=:end
  # A word that is only "=" or follows one is a part of --option=value to everyone but bash.
  [[ $current == "=" ]] && current=""
  while IFS= read -r line; do
    case $line in
      :*) rest=$line ;;
      *) candidates+=("\${line%%$'\\t'*}") ;;
    esac
  done < <("\${COMP_WORDS[0]}" __complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
  case $rest in
    :files) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$current") ;;
    :folders) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -d -- "$current") ;;
    *) COMPREPLY=("\${candidates[@]}") ;;
  esac
}
complete -F _ID_complete PROGRAM
`,
  zsh: `#compdef PROGRAM
_ID_complete() {
  local line rest=:end
  local -a candidates
  while IFS= read -r line; do
    case $line in
      :*) rest=$line ;;
      *$'\\t'*) candidates+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}") ;;
      *) candidates+=("\${line//:/\\\\:}") ;;
    esac
  done < <("\${words[1]}" __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)
  case $rest in
    :files) _files ;;
    :folders) _files -/ ;;
    *) _describe -t candidates 'PROGRAM' candidates ;;
  esac
}
compdef _ID_complete PROGRAM
`,
  fish: `# fish completion of PROGRAM
function __ID_complete
  set -l words (commandline -opc) (commandline -ct)
  for line in ($words[1] __complete -- $words[2..-1] 2>/dev/null)
    switch $line
      case ':files'
        __fish_complete_path (commandline -ct)
      case ':folders'
        __fish_complete_directories (commandline -ct) ''
      case ':end'
      case '*'
        echo $line
    end
  end
end
complete -c PROGRAM -f -a '(__ID_complete)'
`,
};
