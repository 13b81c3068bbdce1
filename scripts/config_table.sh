#!/usr/bin/env bash
# The table of docs/config.md, made of serin-train's own --help: key, default, what it may be, meaning.
set -euo pipefail
${1:-serin-train} --help | awk '
  match($0, /^  --[a-z0-9-]+ /) && match($0, / \([^()]*, default .*\)$/) {
    name = $1; sub(/^--/, "", name)
    kind = substr($0, RSTART + 2, RLENGTH - 3); value = kind
    sub(/, default .*/, "", kind); sub(/.*, default /, "", value); gsub(/"/, "", value)
    help = substr($0, 1, RSTART - 1); sub(/^ *--[^ ]+ +/, "", help)
    if (name ~ /^(config|help|print-args|verbose|version|threads|no-verify)$/) next
    gsub(/\|/, " ", kind); gsub(/_/, "\\_", help)
    printf "| `%s` | %s | %s | %s |\n", name, value == "" ? "" : "`" value "`", kind, help
  }'
