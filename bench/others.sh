#!/usr/bin/env bash
# bench/others.sh: conform against mock servers that are not ours, loaded with our
# OpenAPI documents, and against our own mock with its control API out of reach.
# docs/other-servers.md says what comes of it and why. It installs the pinned
# versions of tools/others with npm, prints Markdown, takes about three minutes
# on two cores, and leaves nothing running. It exits with 0 if our mock conforms,
# and each of the others fails for the reasons in tools/others/reasons.json.
set -euo pipefail
cd "$(dirname "$0")/.."
exec </dev/null

systems=(crmcom jmap-cloud jmap-server longjump saymon wedia)
base=${BASE_PORT:-4710} # the first of six ports
dir=$(mktemp -d)
pids=()
trap 'for p in ${pids[@]+"${pids[@]}"}; do kill "$p" 2>/dev/null || true; done; rm -rf "$dir"' EXIT

go build -o "$dir/" ./cmd/mockauth ./cmd/conform
npm ci --prefix tools/others --ignore-scripts --no-audit --no-fund --silent 1>&2
bin=$PWD/tools/others/node_modules/.bin
"$dir/mockauth" accounts --json >"$dir/accounts.json"

start() { # start NAME COMMAND...: in the background, its output in a file
  local name=$1
  shift
  "$@" >"$dir/$name.out" 2>&1 &
  pids+=("$!")
}
stop() { # stop: everything that was started
  for p in "${pids[@]}"; do kill "$p" 2>/dev/null || true; done
  for p in "${pids[@]}"; do wait "$p" 2>/dev/null || true; done
  pids=()
}
listening() { # listening PORT NAME: waits until something does
  for _ in $(seq 1200); do
    (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null && return
    sleep 0.1
  done
  echo "$2 does not listen" >&2
  cat "$dir/$2.out" >&2
  exit 1
}

# check SERVER SYSTEM URL OPTION...: begins a target file as a person would, fills
# it, and runs. The options are those of tools/others/target.mjs.
check() {
  local server=$1 system=$2 url=$3 target="$dir/$1-$2.yaml" code=0
  shift 3
  "$dir/conform" init "$system" -o "$target" >/dev/null
  node tools/others/target.mjs "$target" "$system" "$url" "$@" <"$dir/accounts.json" >"$dir/variables"
  mkdir -p "$dir/out/$server/$system"
  (
    # shellcheck source=/dev/null
    . "$dir/variables"
    "$dir/conform" server --config "$target" --ledger "$dir/$server-$system.ledger" --report "$dir/out/$server/$system"
  ) >"$dir/out/$server/$system/terminal.txt" 2>&1 || code=$?
  echo "$code" >"$dir/out/$server/$system/code"
}

# Our own, as an unknown server: the control API is on a port that nobody is told.
start mockauth "$dir/mockauth" serve --port "$base" --admin-port 0 --quiet
listening "$base" mockauth
for s in "${systems[@]}"; do
  case $s in
  longjump | saymon) check mockauth "$s" "http://127.0.0.1:$base" --tell ;;
  *) check mockauth "$s" "http://127.0.0.1:$base" ;;
  esac
done
stop

others() { # others NAME BASE-PATH COMMAND...: PORT and FILE in the command are filled in
  local name=$1 path=$2 port=$base s
  shift 2
  for s in "${systems[@]}"; do
    local command=("${@//PORT/$port}")
    start "$name-$s" "${command[@]//FILE/specs/$s/openapi.yaml}"
    port=$((port + 1))
  done
  port=$base
  for s in "${systems[@]}"; do
    listening "$port" "$name-$s"
    if [ "$path" = root ]; then
      check "$name" "$s" "http://127.0.0.1:$port" --base-path ""
    else
      check "$name" "$s" "http://127.0.0.1:$port"
    fi
    port=$((port + 1))
  done
  stop
}
others prism root "$bin/prism" mock FILE --port PORT
others prism-dynamic root "$bin/prism" mock --dynamic FILE --port PORT
others mockoon documented "$bin/mockoon-cli" start --data FILE --port PORT --disable-log-to-file --disable-admin-api

node tools/others/table.mjs "$dir/out" tools/others/reasons.json
