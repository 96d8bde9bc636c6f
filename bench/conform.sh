#!/usr/bin/env bash
# bench/conform.sh: conform server against our own mock, over TCP on loopback, the
# mock in a process of its own. All six systems with what belongs to a run:
# start-up, doctor, planning, reports. It prints Markdown, takes about three minutes,
# and leaves nothing running. Both processes share the cores, and whatever else
# runs on the machine takes from them: the minimum says what the program needs,
# the median what to expect. The processor time beside it is that of both sides,
# of the fastest run. Beside the run of all systems stand as many requests to a
# bare server, from a bare client: what the machine takes for HTTP alone at that
# hour. The ratio of the two is the figure to compare.
set -euo pipefail
cd "$(dirname "$0")/.."
exec </dev/null

times=${TIMES:-10}
dir=$(mktemp -d)
pids=()
trap 'for p in ${pids[@]+"${pids[@]}"}; do kill "$p" 2>/dev/null || true; done; rm -rf "$dir"' EXIT

go build -o "$dir/mockauth" ./cmd/mockauth
go build -o "$dir/conform" ./cmd/conform
go build -o "$dir/bare" ./bench/bare
go build -o "$dir/load" ./bench/load

start() { # start NAME COMMAND...: sets url and pid
  local name=$1
  shift
  "$@" >"$dir/$name.out" 2>"$dir/$name.err" &
  pid=$!
  pids+=("$pid")
  for _ in $(seq 500); do
    url=$(sed -n 's/^listening url=//p' "$dir/$name.out")
    [ -n "$url" ] && return
    sleep 0.01
  done
  echo "$name did not start" >&2
  cat "$dir/$name.err" >&2
  exit 1
}

start bare "$dir/bare"
bare=$url
start mock "$dir/mockauth" serve --port 0 --quiet

ticks=$(getconf CLK_TCK)
mock() { awk -v t="$ticks" '{printf "%d", ($14 + $15) / t * 1000}' "/proc/$pid/stat"; } # ms of processor time

# run COMMAND...: "wall conform mock cases", times in ms. A run that does not
# conform ends the script.
run() {
  local before begun
  before=$(mock)
  begun=$(date +%s%N)
  TIMEFORMAT='%3U %3S'
  if ! { time "$@" >"$dir/said" 2>&1; } 2>"$dir/time"; then
    cat "$dir/said" >&2
    exit 1
  fi
  local wall=$((($(date +%s%N) - begun) / 1000000))
  awk -v wall="$wall" -v mock="$(($(mock) - before))" -v cases="$(grep -oE '[0-9,]+ passed  in' "$dir/said" | tr -d , | awk '{n += $1} END {print n + 0}')" \
    '{printf "%d %d %d %d\n", wall, ($1 + $2) * 1000, mock, cases}' "$dir/time"
}

# line NAME FILE: a line of the table, of the runs in a file.
line() {
  sort -n "$2" | awk -v name="$1" '
    { wall[NR] = $1 } NR == 1 { conform = $2; mock = $3; cases = $4 }
    END {
      median = wall[int((NR + 1) / 2)]
      printf "| %s | %d | %d / %d / %d | %s | %d | %d |\n", name, cases, wall[1], median, wall[NR], cases ? sprintf("%d", cases * 1000 / median) : "", conform, mock
    }'
}

# row NAME COMMAND...: a line of the table, of so many runs.
row() {
  local name=$1
  shift
  run "$@" >/dev/null # the mock and the disk warm up
  for _ in $(seq "$times"); do run "$@"; done >"$dir/runs"
  line "$name" "$dir/runs"
}

median() { sort -n "$1" | awk '{ wall[NR] = $1 } END { print wall[int((NR + 1) / 2)] }'; }

echo "| run | cases | wall, ms: least / median / most | cases a second (median) | conform CPU, ms | mock CPU, ms |"
echo "| --- | --- | --- | --- | --- | --- |"
run "$dir/conform" server --url "$url" >/dev/null
requests=$(grep -oE '[0-9,]+ requests' "$dir/said" | tr -d , | awk '{n += $1} END {print n}')
for _ in $(seq "$times"); do
  run "$dir/conform" server --url "$url" >>"$dir/six"
  run "$dir/load" -url "$bare/whoami" -requests "$requests" -connections 4 >>"$dir/http"
done
line "all six" "$dir/six"
line "$requests requests to a bare server, by turns with it" "$dir/http"
row "all six, with \`--report\`" "$dir/conform" server --url "$url" --report "$dir/report"
row "all six, \`-p 2\`" "$dir/conform" server --url "$url" -p 2
row "all six, \`--plan\`: nothing is sent but questions" "$dir/conform" server --url "$url" --plan
for system in $(curl -s "$url/__admin/health" | sed -E 's/.*"systems":\[([^]]*)\].*/\1/; s/[",]/ /g'); do
  row "$system" "$dir/conform" server "$system" --url "$url"
done
row "\`conform version\`" "$dir/conform" version
echo
worlds=$(curl -s "$url/__admin/health" | sed -E 's/.*"worlds":([0-9]+).*/\1/')
awk -v six="$(median "$dir/six")" -v http="$(median "$dir/http")" 'BEGIN { printf "All six take %.1f times as long as their requests to a bare server do (medians).\n", six / http }'
echo "$(nproc) cores, $(go env GOVERSION), $(uname -sm); $times runs a line, $SECONDS s in all. Worlds left in the mock: $((worlds - 1)). Load before the last line: $(cut -d' ' -f1 /proc/loadavg)."
