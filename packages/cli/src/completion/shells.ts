/** The shells there is a script for, and the line that switches it on. */
export const SHELLS = {
  bash: { install: 'eval "$(pegasus-workflows completion bash)"   in ~/.bashrc' },
  zsh: { install: 'eval "$(pegasus-workflows completion zsh)"   in ~/.zshrc, below compinit' },
  fish: { install: 'pegasus-workflows completion fish | source   in ~/.config/fish/config.fish' },
} as const;

export type Shell = keyof typeof SHELLS;
