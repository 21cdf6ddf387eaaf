#!/usr/bin/env bash
# The step of action.yml: inputs from the environment, one value a line, to the arguments of `slowpath gate`.
# The verdict is the exit code; the step's summary and the annotations are written by slowpath itself.
set -euo pipefail

arguments=()
# Adds each line of a value, behind a flag where one is named.
add() {
  local flag=$1 line
  while IFS= read -r line; do
    line=${line%$'\r'}
    [ -n "${line//[[:space:]]/}" ] || continue
    [ -z "$flag" ] || arguments+=("$flag")
    arguments+=("$line")
  done <<<"$2"
}
add --baseline "$BASELINE"
add --candidate "$CANDIDATE"
add --budget "${BUDGET:-}"
add --require "${REQUIRE:-}"
add "" "${ARGUMENTS:-}"
mkdir -p "$FOLDER"

code=0
"$SLOWPATH" gate -q "${arguments[@]}" -o "$FOLDER/gate.json" --junit "$FOLDER/gate.xml" || code=$?
case $code in
  0) outcome=pass ;;
  1) outcome=fail ;;
  3) outcome=inconclusive ;;
  *) outcome=trouble ;;
esac
echo "outcome=$outcome" >>"${GITHUB_OUTPUT:-/dev/null}"
echo "slowpath gate: $outcome"
# Without any data slowpath's own --inconclusive pass would still be 3, and so it is here.
if [ "$code" = 3 ] && [ "$INCONCLUSIVE" = pass ] && ! grep -q '"no_data": true' "$FOLDER/gate.json"; then
  code=0
fi
exit "$code"
