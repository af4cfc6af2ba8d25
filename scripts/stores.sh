#!/usr/bin/env bash
# Real stores with their exporters on loopback, to see what automap reads from them. Nothing is installed and nothing starts by itself:
# Debian's packages are unpacked into a separate folder, each server writes only there, and is stopped by its own process id.
#
#   scripts/stores.sh unpack                 # fetch and unpack the packages (once)
#   scripts/stores.sh start [NAME...]        # mariadb postgresql redis rabbitmq nginx haproxy node; all without a name
#   scripts/stores.sh ports                  # NAME=PORT of everything that was started
#   scripts/stores.sh env                    # the environment in which their clients are found
#   scripts/stores.sh client PROGRAM ARG...  # mariadb, psql, redis-cli, amqp-publish, amqp-consume … with their libraries
#   scripts/stores.sh stop [NAME...]         # a server (mariadb) or an exporter (mariadb-exporter); all without a name
#
# AUTOMAP_STORES is the folder (target/stores), AUTOMAP_STORES_PORT the first port to try (27300).
set -euo pipefail

cd "$(dirname "$0")/.."
packages=${AUTOMAP_STORES_PACKAGES:-$PWD/target/stores/packages}
dir=${AUTOMAP_STORES:-$PWD/target/stores/running}
root=$packages/root
run=$dir/run
all=(mariadb postgresql redis rabbitmq nginx haproxy node)
wanted=(mariadb-server mariadb-client postgresql redis-server redis-tools rabbitmq-server amqp-tools nginx haproxy
  prometheus-mysqld-exporter prometheus-postgres-exporter prometheus-redis-exporter prometheus-nginx-exporter prometheus-node-exporter)

fail() { echo "error: $1" >&2; echo "hint: $2" >&2; exit 1; }

unpack() {
  [ -e "$packages/complete" ] && return
  command -v apt-get >/dev/null || fail "apt-get is not here" "run this on Debian or Ubuntu; the tests against real stores are skipped elsewhere"
  mkdir -p "$packages/debs" "$root"
  # Packages that are already installed are used in place.
  local missing
  missing=$(apt-get -s install --no-install-recommends "${wanted[@]}" | awk '$1 == "Inst" { print $2 }')
  (cd "$packages/debs" && apt-get download -q $missing >/dev/null)
  local deb
  for deb in "$packages"/debs/*.deb; do dpkg-deb -x "$deb" "$root"; done
  rm -r "$packages/debs"
  # Erlang's start script contains the path of its installation.
  local erl=$root/usr/lib/erlang/bin/erl
  if [ -e "$erl" ]; then sed -i "s|ROOTDIR=/usr/lib/erlang|ROOTDIR=$root/usr/lib/erlang|" "$erl"; fi
  touch "$packages/complete"
}

# Nothing is started here: clients are many.
libraries() {
  local lib=$HOSTTYPE-linux-gnu postgresql= found
  for found in "$root"/usr/lib/postgresql/*/bin /usr/lib/postgresql/*/bin; do
    if [ -x "$found/initdb" ]; then postgresql=:$found; fi
  done
  export LD_LIBRARY_PATH=$root/usr/lib/$lib:$root/lib/$lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
  export PATH=$root/usr/sbin:$root/usr/bin:$root/usr/lib/erlang/bin:$PATH$postgresql
}

# A free port, stored under a name.
port() {
  local known
  known=$(sed -n "s/^$1=//p" "$run/ports" 2>/dev/null | tail -1)
  if [ -z "$known" ]; then
    known=${AUTOMAP_STORES_PORT:-27300}
    while grep -q "=$known\$" "$run/ports" 2>/dev/null || (exec 3<>"/dev/tcp/127.0.0.1/$known") 2>/dev/null; do known=$((known + 1)); done
    echo "$1=$known" >>"$run/ports"
  fi
  echo "$known"
}

# start_as NAME PROGRAM ARG…: in the background, with a file for its id and one for its output.
start_as() {
  local name=$1
  shift
  nohup "$@" >"$run/$name.log" 2>&1 </dev/null &
  echo $! >"$run/$name.pid"
}

# wait_for NAME PORT: until it accepts connections.
wait_for() {
  local i
  for ((i = 0; i < 600; i++)); do
    if (exec 3<>"/dev/tcp/127.0.0.1/$2") 2>/dev/null; then return; fi
    kill -0 "$(cat "$run/$1.pid")" 2>/dev/null || { tail -5 "$run/$1.log" >&2; fail "$1 ended at once" "its words are in $run/$1.log"; }
    sleep 0.1
  done
  fail "$1 does not listen on port $2 after 60 s" "its words are in $run/$1.log"
}

is_running() { [ -e "$run/$1.pid" ] && kill -0 "$(cat "$run/$1.pid")" 2>/dev/null; }

start_mariadb() {
  local p data=$dir/mariadb
  p=$(port mariadb)
  if [ ! -d "$data" ]; then
    # Small: this is a store for tests.
    cat >"$dir/mariadb.cnf" <<END
[mysqld]
port=$p
bind-address=127.0.0.1
socket=$dir/mariadb.sock
datadir=$data
pid-file=$dir/mariadb.id
lc-messages-dir=$root/usr/share/mysql
character-sets-dir=$root/usr/share/mysql/charsets
plugin-dir=$root/usr/lib/mysql/plugin
tmpdir=/tmp
innodb_buffer_pool_size=16M
innodb_log_file_size=8M
performance_schema=OFF
max_connections=30
innodb_lock_wait_timeout=120
skip-name-resolve
END
    mkdir -p "$data"
    mariadb-install-db --no-defaults --basedir="$root/usr" --datadir="$data" --lc-messages-dir="$root/usr/share/mysql" --auth-root-authentication-method=normal --skip-test-db --user="$(id -un)" >"$run/mariadb-install.log" 2>&1 ||
      { tail -5 "$run/mariadb-install.log" >&2; fail "mariadb-install-db failed" "its words are in $run/mariadb-install.log"; }
    cat >"$dir/mariadb-init.sql" <<END
CREATE DATABASE IF NOT EXISTS shop;
CREATE TABLE IF NOT EXISTS shop.stock (id INT PRIMARY KEY, n INT) ENGINE=InnoDB;
INSERT IGNORE INTO shop.stock VALUES (1, 0), (2, 0), (3, 0);
CREATE USER IF NOT EXISTS shop@'%' IDENTIFIED BY 'shop';
GRANT ALL ON shop.* TO shop@'%';
CREATE USER IF NOT EXISTS exporter@'%' IDENTIFIED BY 'exporter';
-- Let in when all other connections are taken.
GRANT PROCESS, REPLICATION CLIENT, SLAVE MONITOR, CONNECTION ADMIN, SELECT ON *.* TO exporter@'%';
END
  fi
  start_as mariadb mariadbd --defaults-file="$dir/mariadb.cnf" --user="$(id -un)" --init-file="$dir/mariadb-init.sql"
  wait_for mariadb "$p"
  is_running mariadb-exporter && return
  local e
  e=$(port mariadb-exporter)
  DATA_SOURCE_NAME="exporter:exporter@(127.0.0.1:$p)/" start_as mariadb-exporter prometheus-mysqld-exporter --web.listen-address="127.0.0.1:$e"
  wait_for mariadb-exporter "$e"
}

# PostgreSQL refuses to run as root.
as_other() { if [ "$(id -u)" -eq 0 ]; then exec setpriv --reuid=65534 --regid=65534 --clear-groups "$@"; else exec "$@"; fi; }

start_postgresql() {
  local p data=$dir/postgresql
  p=$(port postgresql)
  if [ ! -d "$data" ]; then
    mkdir -p "$data"
    if [ "$(id -u)" -eq 0 ]; then chown 65534:65534 "$data"; fi
    (as_other initdb -U shop -A trust -E UTF8 -D "$data") >"$run/postgresql-init.log" 2>&1 ||
      { tail -5 "$run/postgresql-init.log" >&2; fail "initdb failed" "its words are in $run/postgresql-init.log"; }
  fi
  (start_as postgresql bash -c "$(declare -f as_other); as_other \"\$@\"" - postgres -D "$data" -p "$p" -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c shared_buffers=16MB -c max_connections=20 -c log_min_messages=error)
  wait_for postgresql "$p"
  psql -qh 127.0.0.1 -p "$p" -U shop postgres >/dev/null 2>&1 <<END || fail "psql cannot prepare the store" "see $run/postgresql.log"
CREATE TABLE IF NOT EXISTS stock (id int PRIMARY KEY, n int);
INSERT INTO stock VALUES (1, 0), (2, 0), (3, 0) ON CONFLICT DO NOTHING;
DO \$\$ BEGIN CREATE ROLE app LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END \$\$;
GRANT ALL ON stock TO app;
END
  is_running postgresql-exporter && return
  local e
  e=$(port postgresql-exporter)
  DATA_SOURCE_NAME="postgresql://shop@127.0.0.1:$p/postgres?sslmode=disable" start_as postgresql-exporter prometheus-postgres-exporter --web.listen-address="127.0.0.1:$e"
  wait_for postgresql-exporter "$e"
}

start_redis() {
  local p e
  p=$(port redis)
  mkdir -p "$dir/redis"
  start_as redis redis-server --bind 127.0.0.1 --port "$p" --dir "$dir/redis" --save '' --maxmemory 8mb --maxmemory-policy allkeys-random --maxclients 64 --daemonize no
  wait_for redis "$p"
  is_running redis-exporter && return
  e=$(port redis-exporter)
  start_as redis-exporter prometheus-redis-exporter -web.listen-address "127.0.0.1:$e" -redis.addr "redis://127.0.0.1:$p"
  wait_for redis-exporter "$e"
}

start_rabbitmq() {
  local p e names home
  p=$(port rabbitmq)
  e=$(port rabbitmq-exporter)
  names=$(port rabbitmq-names)
  home=$(ls -d "$root"/usr/lib/rabbitmq/lib/rabbitmq_server-* | tail -1)
  mkdir -p "$dir/rabbitmq"
  echo '[rabbitmq_prometheus].' >"$dir/rabbitmq/plugins"
  printf 'listeners.tcp.1 = 127.0.0.1:%s\nprometheus.tcp.port = %s\nprometheus.tcp.ip = 127.0.0.1\nvm_memory_high_watermark.absolute = 256MB\ndisk_free_limit.absolute = 10MB\nlog.console = true\nlog.file = false\n' "$p" "$e" >"$dir/rabbitmq/rabbitmq.conf"
  # Erlang's port mapper, which would otherwise outlive the node that starts it.
  is_running rabbitmq-names || start_as rabbitmq-names env ERL_EPMD_ADDRESS=127.0.0.1 epmd -port "$names"
  start_as rabbitmq env HOME="$dir/rabbitmq" ERL_CRASH_DUMP=/dev/null ERL_EPMD_ADDRESS=127.0.0.1 ERL_EPMD_PORT="$names" RABBITMQ_HOME="$home" RABBITMQ_NODENAME="automap@localhost" \
    RABBITMQ_CONFIG_FILE="$dir/rabbitmq/rabbitmq" RABBITMQ_MNESIA_BASE="$dir/rabbitmq/data" RABBITMQ_LOG_BASE="$dir/rabbitmq/log" RABBITMQ_ENABLED_PLUGINS_FILE="$dir/rabbitmq/plugins" \
    RABBITMQ_PID_FILE="$dir/rabbitmq/id" RABBITMQ_DIST_PORT="$(port rabbitmq-nodes)" RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="-kernel inet_dist_use_interface {127,0,0,1} +S 1:1 +sbwt none" \
    RABBITMQ_CONF_ENV_FILE=/dev/null "$home/sbin/rabbitmq-server"
  wait_for rabbitmq "$p"
  wait_for rabbitmq "$e"
  # The id of the node: the script that started it ends with it.
  cp "$dir/rabbitmq/id" "$run/rabbitmq.pid"
}

start_nginx() {
  local p e
  p=$(port nginx)
  mkdir -p "$dir/nginx"
  cat >"$dir/nginx/nginx.conf" <<END
worker_processes 1;
daemon off;
error_log stderr;
pid $dir/nginx/id;
events { worker_connections 64; }
http {
  access_log off;
  client_body_temp_path $dir/nginx/a; proxy_temp_path $dir/nginx/b; fastcgi_temp_path $dir/nginx/c; uwsgi_temp_path $dir/nginx/d; scgi_temp_path $dir/nginx/e;
  server { listen 127.0.0.1:$p; location /status { stub_status; } location / { return 200 "ok"; } }
}
END
  start_as nginx nginx -c "$dir/nginx/nginx.conf" -p "$dir/nginx" -e stderr
  wait_for nginx "$p"
  is_running nginx-exporter && return
  e=$(port nginx-exporter)
  start_as nginx-exporter prometheus-nginx-exporter -web.listen-address "127.0.0.1:$e" -nginx.scrape-uri "http://127.0.0.1:$p/status"
  wait_for nginx-exporter "$e"
}

start_haproxy() {
  local p e
  p=$(port haproxy)
  e=$(port haproxy-exporter)
  cat >"$dir/haproxy.cfg" <<END
global
  maxconn 64
defaults
  mode http
  timeout connect 1s
  timeout client 5s
  timeout server 5s
frontend shop
  bind 127.0.0.1:$p
  default_backend orders
backend orders
  server o1 127.0.0.1:$(port nginx) check inter 1s
frontend metrics
  bind 127.0.0.1:$e
  http-request use-service prometheus-exporter if { path /metrics }
END
  start_as haproxy haproxy -f "$dir/haproxy.cfg" -db
  wait_for haproxy "$e"
}

start_node() {
  local e
  e=$(port node-exporter)
  start_as node-exporter prometheus-node-exporter --web.listen-address="127.0.0.1:$e"
  wait_for node-exporter "$e"
}

# By its own id: terminated first, then killed.
stop_one() {
  local file=$run/$1.pid id i
  [ -e "$file" ] || return 0
  id=$(cat "$file")
  # PostgreSQL waits for its clients by default.
  if [ "$1" = postgresql ]; then kill -INT "$id" 2>/dev/null || true; else kill "$id" 2>/dev/null || true; fi
  for ((i = 0; i < 100; i++)); do
    kill -0 "$id" 2>/dev/null || break
    sleep 0.1
  done
  kill -KILL "$id" 2>/dev/null || true
  rm -f "$file"
}

verb=${1:-}
[ $# -gt 0 ] && shift
case $verb in
unpack) unpack ;;
start)
  unpack
  libraries
  mkdir -p "$run"
  for name in "${@:-${all[@]}}"; do
    case " ${all[*]} " in *" $name "*) ;; *) fail "there is no store $name" "write some of: ${all[*]}" ;; esac
    is_running "$name" || "start_$name"
  done
  ;;
ports) cat "$run/ports" ;;
env)
  libraries
  echo "PATH=$PATH"
  echo "LD_LIBRARY_PATH=$LD_LIBRARY_PATH"
  ;;
client)
  libraries
  [ $# -gt 0 ] || fail "which program?" "scripts/stores.sh client redis-cli -p 27300 ping"
  exec "$@"
  ;;
stop)
  libraries
  if [ $# -eq 0 ]; then
    for file in "$run"/*.pid; do [ -e "$file" ] && stop_one "$(basename "$file" .pid)"; done
  else
    for name in "$@"; do stop_one "$name"; done
  fi
  ;;
*)
  sed -n '2,13s/^# \{0,1\}//p' "$0"
  exit 2
  ;;
esac
