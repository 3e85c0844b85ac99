# What zsh would offer for a command line: zsh -f capture.zsh FOLDER LINE, with the functions in FOLDER.
#
# The line is typed into a zsh of its own, on a terminal that zpty makes; there compadd says what it adds.
zmodload zsh/zpty || exit 1
print -r -- '
  PROMPT= LISTMAX=9999
  fpath=('${(q)1}' $fpath)
  autoload -U compinit && compinit -u -D
  bindkey "^I" complete-word
  mark() { print -r -- "<mark>" }
  compprefuncs=(mark)
  comppostfuncs=(mark exit)
  zstyle ":completion:*" insert-tab false
  compadd() {
    local -a hits
    [[ ${@[1,(i)(-|--)]} == *-(O|A|D)\ * ]] && { builtin compadd "$@"; return }
    builtin compadd -O hits "$@"
    builtin compadd "$@"
    local hit; for hit in $hits; do print -r -- "<hit>$hit"; done
  }
  print ready' > $1/setup
zpty shell zsh -f -i
zpty -w shell "source ${(q)1}/setup"
while zpty -r shell line; do [[ $line == ready* ]] && break; done
zpty -w -n shell "$2"$'\t'
while zpty -r shell line; do [[ $line == '<hit>'* ]] && print -r -- ${${line#'<hit>'}%$'\r\n'}; done
