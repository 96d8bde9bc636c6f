#!/usr/bin/env bash
# bench/run.sh: the mock beside a bare net/http server, both on loopback, driven
# by the same load in the same run. It prints Markdown, takes about a minute,
# and leaves nothing running. What counts are the ratios: single figures are
# those of the machine, and of what else runs on it.
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

run() { "$dir/load" -duration "${seconds}s" "$@"; }
echo "| request | bare, requests/s | mock, requests/s | ratio | bare p50 / p99, µs | mock p50 / p99, µs |"
echo "| --- | --- | --- | --- | --- | --- |"
row() { # row NAME BARE-RESULT MOCK-RESULT; a result is "rps p50 p99"
  awk -v name="$1" -v b="$2" -v m="$3" 'BEGIN {
    split(b, x, " "); split(m, y, " ")
    printf "| %s | %d | %d | %.2f | %d / %d | %d / %d |\n", name, x[1], y[1], y[1] / x[1], x[2], x[3], y[2], y[3] }'
}
for n in 1 8; do
  login=$(run -connections $n -method POST -url "$bare/login" -body "$json" "${typed[@]}")
  row "JSON login, $n connections" "$login" \
    "$(run -connections $n -method POST -url "$mock/networking/rest/login" -body "$json" "${typed[@]}")"
  row "XML login, $n connections (bare: JSON)" "$login" \
    "$(run -connections $n -method POST -url "$mock/networking/rest/login" -body "$xml" -header 'Content-Type: application/xml' -header 'Accept: application/xml')"
  row "GET with a bearer token, $n connections" \
    "$(run -connections $n -url "$bare/whoami" -header "Authorization: Bearer $token")" \
    "$(run -connections $n -url "$mock/api/rest/whoami" -header "Authorization: Bearer $token")"
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
