# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# A MariaDB server of the test's own. Each is one folder: DIR/data is its data directory, and the
# socket is in there, so that its path can be given relative to it: a socket's path has 107 bytes at
# most. No configuration file is read, no port is opened, no other server is touched. To be loaded
# after server_user was called once.

# Small and quick: nothing has to survive a crash of the machine.
server_options=(
    --innodb-buffer-pool-size=32M --loose-innodb-buffer-pool-size-max=32M
    --innodb-log-file-size=24M --innodb-data-file-path=ibdata1:2M:autoextend --innodb-autoextend-increment=1
    --innodb-temp-data-file-path=ibtmp1:2M:autoextend --innodb-flush-log-at-trx-commit=0
    --innodb-doublewrite=0 --innodb-use-native-aio=0
    --innodb-stats-auto-recalc=0 --innodb-buffer-pool-dump-at-shutdown=0
    --key-buffer-size=1M --aria-pagecache-buffer-size=8M --aria-log-file-size=8M
    --skip-log-bin --skip-performance-schema --skip-name-resolve --sysdate-is-now
    --table-open-cache=200 --max-connections=20 --character-set-server=utf8mb4
)

# What is not there of a server and its tools: the reason to skip, or nothing.
server_missing() {
    local program
    for program in mariadbd:mariadb-server mariadb:mariadb-client mariadb-check:mariadb-client \
        mariadb-backup:mariadb-backup mbstream:mariadb-backup setpriv:util-linux; do
        if ! PATH=$PATH:/usr/sbin command -v "${program%%:*}" >/dev/null; then
            echo "${program%%:*} is not installed (Debian: ${program##*:})"
            return
        fi
    done
    if ! server_sql_files >/dev/null; then
        echo "the SQL files of mariadb-server are not in /usr/share/mysql"
    fi
}

# What fills the system tables, as mariadb-install-db has it. That program itself is not used: as
# root it changes files below /usr.
server_sql_files() {
    local name
    for name in mysql_system_tables.sql mysql_performance_tables.sql mysql_system_tables_data.sql; do
        if [ -r "/usr/share/mysql/$name" ]; then
            echo "/usr/share/mysql/$name"
        elif [ -r "/usr/share/mariadb/${name/mysql_/mariadb_}" ]; then
            echo "/usr/share/mariadb/${name/mysql_/mariadb_}"
        else
            return 1
        fi
    done
}

# as_server COMMAND...: as the user the servers run as, in the working directory: nobody where root
# runs the tests and nobody can get at the folder $1 of server_user; otherwise who runs them. The
# command dies with the shell that started it. as_server_instead: in this shell's place.
server_user() {
    as_user=() run_as=()
    if [ "$(id -u)" -eq 0 ]; then
        if setpriv --reuid=65534 --regid=65534 --clear-groups test -x "$1"; then
            as_user=(--reuid=65534 --regid=65534 --clear-groups)
        else
            run_as=(--user=root)
        fi
    fi
}
as_server() { PATH=$PATH:/usr/sbin setpriv "${as_user[@]}" --pdeathsig=KILL "$@"; }
as_server_instead() { PATH=$PATH:/usr/sbin exec setpriv "${as_user[@]}" --pdeathsig=KILL "$@"; }

# Gives a folder to the user of the servers.
server_owns() { [ ${#as_user[@]} -eq 0 ] || chown -R 65534:65534 "$1"; }

# An empty database in the new folder DIR.
server_create() {
    local dir=$1
    mkdir "$dir" "$dir/data" "$dir/tmp"
    server_owns "$dir"
    local files
    mapfile -t files < <(server_sql_files)
    {
        printf '%s;\n' 'create database mysql' 'use mysql' 'set @auth_root_socket = null'
        cat "${files[@]}"
    } | as_server mariadbd --no-defaults "${run_as[@]}" "${server_options[@]}" --datadir="$dir/data" --tmpdir="$dir/tmp" \
        --bootstrap --log-warnings=0 --enforce-storage-engine= --max-allowed-packet=8M --net-buffer-length=16K \
        >"$dir/log.err" 2>&1 || { server_log "$dir"; return 1; }
}

# Starts the server of DIR and waits until it answers, for a minute at most.
server_start() {
    local dir=$1
    mkdir -p "$dir/tmp"
    server_owns "$dir"
    # Its descriptors are not bats's, which would wait for them.
    as_server_instead mariadbd --no-defaults "${run_as[@]}" "${server_options[@]}" --datadir="$dir/data" --tmpdir="$dir/tmp" \
        --skip-networking --socket=s --pid-file=server.pid </dev/null >"$dir/log.err" 2>&1 3>&- 4>&- &
    echo $! >"$dir/pid"
    for _ in {1..600}; do
        if sql "$dir" 'select 1' >/dev/null 2>&1; then
            return 0
        fi
        kill -0 "$(cat "$dir/pid")" 2>/dev/null || break
        sleep 0.1
    done
    echo "the server in $dir does not answer"
    server_log "$dir"
    return 1
}

# Stops the server of DIR as it should be stopped, if it runs; it is killed if that takes more
# than half a minute.
server_stop() {
    local dir=$1 pid
    [ -e "$dir/pid" ] || return 0
    pid=$(cat "$dir/pid")
    rm "$dir/pid"
    kill "$pid" 2>/dev/null || return 0
    for _ in {1..300}; do
        kill -0 "$pid" 2>/dev/null || return 0
        sleep 0.1
    done
    kill -KILL "$pid"
    echo "the server in $dir had to be killed"
    server_log "$dir"
    return 1
}

server_log() { tail -n 30 "$1/log.err"; }

# sql DIR [STATEMENTS]: what the server of DIR answers, fields with tabs between them, no headings.
sql() {
    local dir=$1
    shift
    (cd "$dir/data" && mariadb --no-defaults --socket=s --user=root --batch --skip-column-names \
        --default-character-set=utf8mb4 ${1+--execute="$1"})
}

# server_backup DIR [OPTION...] > STREAM: a backup of the running server by its own tool. Its log is
# DIR/backup.log.
server_backup() {
    local dir=$1
    shift
    (cd "$dir/data" && as_server mariadb-backup --no-defaults --backup --stream=xbstream --socket=s --user=root \
        --datadir="$dir/data" --target-dir="$dir/tmp" --tmpdir="$dir/tmp" "$@" 2>"$dir/backup.log") &&
        grep -q 'completed OK!' "$dir/backup.log" || { tail -n 30 "$dir/backup.log" >&2; return 1; }
}

# server_prepare DIR [OPTION...]: makes the restored files in DIR/data ones that a server starts
# from. Its log is DIR/prepare.log. The options of the server come from the backup: since 11.8 they
# have to.
server_prepare() {
    local dir=$1
    shift
    mkdir -p "$dir/tmp"
    server_owns "$dir"
    as_server mariadb-backup --defaults-file="$dir/data/backup-my.cnf" --prepare --target-dir="$dir/data" --tmpdir="$dir/tmp" "$@" \
        >"$dir/prepare.log" 2>&1 && grep -q 'completed OK!' "$dir/prepare.log" ||
        { tail -n 30 "$dir/prepare.log"; return 1; }
}

# What a server holds, a line each: every table of every schema except the writer's, with its
# checksum and number of rows as the server reads them from the rows, and its definition; then the
# views, triggers and routines. Without what the server changes by itself: the statistics of InnoDB
# and the next number of a table. The rows of shop.generated are added up another way: where a column
# is generated, CHECKSUM TABLE counts what happens to be in memory in its place.
server_content() {
    local dir=$1 table
    sql "$dir" "select concat('\`', table_schema, '\`.\`', table_name, '\`') from information_schema.tables
        where table_type in ('BASE TABLE', 'SEQUENCE')
        and table_schema not in ('information_schema', 'performance_schema', 'busy')
        and table_name not in ('innodb_table_stats', 'innodb_index_stats', 'generated') order by 1" >"$dir/tables"
    while IFS= read -r table; do
        printf "checksum table %s extended; select 'rows of %s', count(*) from %s; show create table %s;\n" \
            "$table" "$table" "$table" "$table"
    done <"$dir/tables" | sql "$dir" | sed 's/ AUTO_INCREMENT=[0-9]*//'
    sql "$dir" "select 'shop.generated', count(*), sum(crc32(concat_ws('-', id, price, stored, virtual))) from shop.generated;
        select table_schema, table_name, md5(view_definition) from information_schema.views order by 1, 2;
        select trigger_schema, trigger_name, md5(action_statement) from information_schema.triggers order by 1, 2;
        select routine_schema, routine_name, md5(routine_definition) from information_schema.routines order by 1, 2"
}

# server_once COMMAND: for setup_file: runs the command beside a new server, $source, in $work, where the tests find
# what it leaves, and stops the server. If a server cannot run here, the file `skip` says why.
server_once() {
    local why status=0
    why=$(server_missing)
    work=$BATS_FILE_TMPDIR
    [ -z "$why" ] || { echo "$why" >"$work/skip"; return; }
    [ "$(id -u)" -ne 0 ] || chmod go+x "$BATS_RUN_TMPDIR" "$work/.." "$work"
    server_user "$work"
    source=$work/source
    server_create "$source" && server_start "$source" && "$1" || status=$?
    server_stop "$source" || status=1
    rm -rf "$source"
    return "$status"
}
