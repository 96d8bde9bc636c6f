#!/usr/bin/env bash
# bench/run.sh: the mock beside a bare net/http server, both on loopback, driven
# by the same load in the same run. It prints Markdown, takes about a minute,
# and leaves nothing running. What counts are the ratios: single figures are
# those of the machine, and of what else runs on it. The load shares the cores
# with the server, which flatters the slower one; the processor time of the
# server alone, which the kernel counts, is beside it.
set -euo pipefail
cd "$(dirname "$0")/.."
exec </dev/null

seconds=${SECONDS_EACH:-3}
dir=$(mktemp -d)
pids=()
trap 'for p in ${pids[@]+"${pids[@]}"}; do kill "$p" 2>/dev/null || true; done; rm -rf "$dir"' EXIT

go build -o "$dir/mockauth" ./cmd/mockauth
go build -o "$dir/bare" ./bench/bare
go build -o "$dir/load" ./bench/load

url= pid=
start() { # start NAME COMMAND...: sets url and pid
  local name=$1
  shift
  : >"$dir/$name.out"
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
stop() { kill "$1"; wait "$1" 2>/dev/null || true; }
memory() { awk -v key="$2:" '$1 == key {printf "%.0f", $2 / 1024}' "/proc/$1/status"; }

# started COMMAND...: milliseconds from the start of the process to the first
# answer over HTTP, the least of ten. The least, since whatever else runs on
# the machine only ever adds.
started() {
  local best=999999 begun took
  for _ in $(seq 10); do
    begun=$(date +%s%N)
    exec 4< <(exec "$@" 2>/dev/null)
    pid=$!
    IFS= read -r url <&4
    # Any answer will do; bash's own sockets cost less than starting a curl.
    exec 3<>"/dev/tcp/127.0.0.1/${url##*:}"
    printf 'GET /nowhere HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' >&3
    IFS= read -r _ <&3
    took=$((($(date +%s%N) - begun) / 10000))
    stop "$pid"
    exec 3>&- 4<&-
    [ "$took" -lt "$best" ] && best=$took
  done
  printf '%d.%02d' $((best / 100)) $((best % 100))
}

json='{"platform":{"login":{"userName":"jim@acme.com","password":"jimacme"}}}'
xml='<platform><login><userName>jim@acme.com</userName><password>jimacme</password></login></platform>'
typed=(-header 'Content-Type: application/json' -header 'Accept: application/json')

start bare "$dir/bare"
bare=$url bare_pid=$pid
start mock "$dir/mockauth" serve --port 0 --quiet
mock=$url mock_pid=$pid
bare_idle=$(memory "$bare_pid" VmRSS) mock_idle=$(memory "$mock_pid" VmRSS)
curl -s "$mock/api/rest/signin" -d login=john.roe -d password=demo-john >"$dir/session"
token=$(sed -E 's/.*"accessToken":"([^"]+)".*/\1/' "$dir/session")

cpu() { awk '{print $14 + $15}' "/proc/$1/stat"; } # in ticks
ticks=$(getconf CLK_TCK)
run() { # run PID LOAD-ARGUMENTS...: prints "rps p50 p99 requests" and the ticks they took
  local server=$1 before result
  shift
  before=$(cpu "$server")
  result=$("$dir/load" -duration "${seconds}s" "$@")
  echo "$result $(($(cpu "$server") - before))"
}
echo "| request | bare, requests/s | mock, requests/s | ratio | bare p50 / p99, µs | mock p50 / p99, µs | bare CPU, µs | mock CPU, µs | ratio |"
echo "| --- | --- | --- | --- | --- | --- | --- | --- | --- |"
row() { # row NAME BARE-RESULT MOCK-RESULT
  awk -v name="$1" -v b="$2" -v m="$3" -v ticks="$ticks" 'BEGIN {
    split(b, x, " "); split(m, y, " ")
    bare = x[5] / x[4] / ticks * 1e6; mock = y[5] / y[4] / ticks * 1e6
    printf "| %s | %d | %d | %.2f | %d / %d | %d / %d | %.0f | %.0f | %.2f |\n", name, x[1], y[1], y[1] / x[1], x[2], x[3], y[2], y[3], bare, mock, bare / mock }'
}
for n in 1 8; do
  s=s; [ $n -eq 1 ] && s=
  login=$(run "$bare_pid" -connections $n -method POST -url "$bare/login" -body "$json" "${typed[@]}")
  row "JSON login, $n connection$s" "$login" \
    "$(run "$mock_pid" -connections $n -method POST -url "$mock/networking/rest/login" -body "$json" "${typed[@]}")"
  row "XML login, $n connection$s (bare: JSON)" "$login" \
    "$(run "$mock_pid" -connections $n -method POST -url "$mock/networking/rest/login" -body "$xml" -header 'Content-Type: application/xml' -header 'Accept: application/xml')"
  row "GET with a bearer token, $n connection$s" \
    "$(run "$bare_pid" -connections $n -url "$bare/whoami" -header "Authorization: Bearer $token")" \
    "$(run "$mock_pid" -connections $n -url "$mock/api/rest/whoami" -header "Authorization: Bearer $token")"
done
echo
bare_loaded=$(memory "$bare_pid" VmRSS) mock_loaded=$(memory "$mock_pid" VmRSS)
stop "$bare_pid"
stop "$mock_pid"

echo "| what | bare server | one system | six systems |"
echo "| --- | --- | --- | --- |"
start one "$dir/mockauth" serve longjump --port 0 --quiet
one_idle=$(memory "$pid" VmRSS)
stop "$pid"
echo "| start to first answer, ms (least of ten) | $(started "$dir/bare") | $(started "$dir/mockauth" serve longjump --port 0 --quiet) | $(started "$dir/mockauth" serve --port 0 --quiet) |"
echo "| memory idle (RSS), MiB | $bare_idle | $one_idle | $mock_idle |"
echo "| memory after the load above (RSS), MiB | $bare_loaded | | $mock_loaded |"
echo
echo "$(nproc) cores, $(go env GOVERSION), $(uname -sm); ${seconds} s a figure, $SECONDS s in all."
