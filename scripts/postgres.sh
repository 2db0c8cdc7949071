#!/usr/bin/env bash
# A PostgreSQL on loopback for tests, in a folder and of an unprivileged user: `postgres.sh start FOLDER` writes FOLDER/url, `postgres.sh stop FOLDER` ends it.
# `down` ends its processes as a crash does and keeps what is in it; `up` has it run again at the same place; `there` says whether it is installed.
set -euo pipefail

# as the user that Debian's package brings; a server does not run as root, and elsewhere it runs as whoever calls
as_user() {
  if [ "$(id -u)" -eq 0 ]; then
    runuser -u postgres -- "$@"
  else
    "$@"
  fi
}

# the newest that Debian has put there, or whichever is in the path
binaries() {
  local found
  found=$(find /usr/lib/postgresql -path '*/bin/initdb' 2>/dev/null | sort -V | tail -1)
  found=${found:-$(command -v initdb || true)}
  [ -n "$found" ] && dirname "$found"
}

install() {
  if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    return 1
  fi
  export DEBIAN_FRONTEND=noninteractive
  # the first package asks for no server of its own before the second would make one
  apt-get update -qq && apt-get install -qq -y postgresql-common >/dev/null &&
    sed -ri 's/^#?create_main_cluster.*/create_main_cluster = false/' /etc/postgresql-common/createcluster.conf &&
    apt-get install -qq -y postgresql >/dev/null
}

# sorts by language where it can, so that tests of the order by bytes mean something
init() {
  local bin=$1 folder=$2
  local options=(--pgdata="$folder/data" --username=portcullis --auth=scram-sha-256 --pwfile="$folder/password" --encoding=UTF8 --no-sync)
  as_user "$bin/initdb" "${options[@]}" --locale=C --locale-provider=icu --icu-locale=en >/dev/null 2>&1 && return
  as_user rm -rf "$folder/data"
  as_user "$bin/initdb" "${options[@]}" --locale=C >/dev/null
}

free_port() {
  node -e 'const s = require("net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close() })'
}

start() {
  local folder=$1 bin password port
  bin=$(binaries) || install && bin=$(binaries) || {
    echo 'skipped: PostgreSQL is not here and cannot be installed; its tests are skipped'
    return
  }
  password=$(node -p 'require("crypto").randomBytes(16).toString("hex")')
  mkdir -p "$folder"
  (umask 077 && echo "$password" >"$folder/password")
  [ "$(id -u)" -ne 0 ] || chown -R postgres "$folder"
  init "$bin" "$folder"
  port=$(free_port)
  echo "$port" >"$folder/port"
  up "$folder"
  echo "postgres://portcullis:${password}@127.0.0.1:${port}/postgres" >"$folder/url"
  echo "$("$bin/postgres" --version), port $port"
}

up() {
  local folder=$1
  as_user "$(binaries)/pg_ctl" --pgdata="$folder/data" --log="$folder/log" --wait --timeout=60 \
    --options="-p $(cat "$folder/port") -c listen_addresses=127.0.0.1 -c unix_socket_directories=''" start >/dev/null
}

down() {
  local folder=$1
  if [ -e "$folder/data/postmaster.pid" ]; then
    as_user "$(binaries)/pg_ctl" --pgdata="$folder/data" --mode=immediate stop >/dev/null || true
  fi
}

stop() {
  local folder=$1
  down "$folder"
  rm -rf "$folder"
}

case ${1:-} in
start) start "$2" ;;
stop) stop "$2" ;;
there) [ -n "$(binaries)" ] ;;
up) up "$2" ;;
down) down "$2" ;;
*)
  echo 'usage: scripts/postgres.sh start|stop|up|down FOLDER, or there' >&2
  exit 2
  ;;
esac
