#!/usr/bin/env bash
# Measures two versions of an application behind nginx with the same traffic, in turn, and leaves the access
# logs that `slowpath gate` compares:
#
#   BASELINE='…' CANDIDATE='…' LOAD='…' replay.sh FOLDER
#
# BASELINE and CANDIDATE are shell commands that start the application in the foreground on 127.0.0.1:$PORT.
# LOAD is a shell command that asks $URL, the same requests at the same rate or concurrency each time, and
# ends. It runs once against the application itself, to warm it up, and once through nginx.
# RUNS is how often each version is measured [3], FIRST_PORT the first of two ports [18480].
#
# Writes FOLDER/baseline-N.log and FOLDER/candidate-N.log. Needs nginx.
set -euo pipefail

folder=$(mkdir -p "$1" && cd "$1" && pwd)
front=${FIRST_PORT:-18480}
export PORT=$((front + 1))
processes=()
stop() {
  local process
  for process in "${processes[@]}"; do
    kill "$process" 2>/dev/null || true
    wait "$process" 2>/dev/null || true
  done
  processes=()
}
trap stop EXIT

# Waits until somebody listens.
listens() {
  local tries
  for tries in $(seq 600); do
    if (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; then return; fi
    sleep 0.1
  done
  echo "nobody listens on port $1" >&2
  exit 2
}

measure() {
  local name=$1 command=$2
  cat >"$folder/nginx.conf" <<CONF
daemon off; worker_processes 1; pid $folder/nginx.pid; error_log $folder/error.log;
events {}
http {
  log_format slowpath '\$remote_addr - \$remote_user [\$time_local] "\$request" \$status \$body_bytes_sent "\$http_referer" "\$http_user_agent" '
    'rt=\$request_time uct="\$upstream_connect_time" uht="\$upstream_header_time" urt="\$upstream_response_time" us="\$upstream_status" ua="\$upstream_addr" '
    'cs=\$upstream_cache_status ts=\$msec rl=\$request_length rid=\$request_id host="\$host" app="\$upstream_http_x_runtime" st="\$upstream_http_server_timing"';
  access_log $folder/running.log slowpath;
  client_body_temp_path $folder/body; proxy_temp_path $folder/proxy; fastcgi_temp_path $folder/fastcgi;
  uwsgi_temp_path $folder/uwsgi; scgi_temp_path $folder/scgi;
  server { listen 127.0.0.1:$front; location / { proxy_pass http://127.0.0.1:$PORT; } }
}
CONF
  rm -f "$folder/running.log"
  bash -c "exec $command" >"$folder/$name.out" 2>&1 &
  processes+=($!)
  listens "$PORT"
  URL=http://127.0.0.1:$PORT bash -c "$LOAD" >/dev/null
  PATH=$PATH:/usr/sbin nginx -c "$folder/nginx.conf" -p "$folder" 2>/dev/null &
  processes=($! "${processes[@]}")
  listens "$front"
  URL=http://127.0.0.1:$front bash -c "$LOAD" >/dev/null
  stop
  mv "$folder/running.log" "$folder/$name.log"
  echo "$name: $(wc -l <"$folder/$name.log") requests"
}

for run in $(seq "${RUNS:-3}"); do
  # Now one first, now the other, so that a drift of the machine meets both alike.
  if [ $((run % 2)) = 1 ]; then
    measure "baseline-$run" "$BASELINE"
    measure "candidate-$run" "$CANDIDATE"
  else
    measure "candidate-$run" "$CANDIDATE"
    measure "baseline-$run" "$BASELINE"
  fi
done
