#!/bin/sh
# Serves metrics of a few directories over HTTP, for a Prometheus-compatible scraper.
#
#   custom_exporter.sh serve [ADDRESS] [DIRECTORY…]   listens (127.0.0.1:9150) until it is stopped
#   custom_exporter.sh answer [DIRECTORY…]            reads one HTTP request on stdin, answers on stdout
#   custom_exporter.sh metrics [DIRECTORY…]           prints the metrics
#
# A shell cannot listen, so `serve` lets the first of these programs do it that is installed: socat,
# systemd-socket-activate, perl. Each starts `answer` once for every connection. Everything else is POSIX.
set -eu

# In a label value, backslash, quote and newline are written with a backslash.
label_value() {
    printf '%s' "$1" | sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' | tr '\n' ' '
}

metrics() {
    echo '# HELP custom_directory_files Regular files in the directory and below it.'
    echo '# TYPE custom_directory_files gauge'
    for directory in "$@"; do
        files=$(find "$directory" -type f 2>/dev/null | wc -l)
        printf 'custom_directory_files{directory="%s"} %d\n' "$(label_value "$directory")" "$files"
    done
    echo '# HELP custom_directory_bytes Disk space that the directory takes.'
    echo '# TYPE custom_directory_bytes gauge'
    for directory in "$@"; do
        kilobytes=$(du -sk "$directory" 2>/dev/null | cut -f 1)
        printf 'custom_directory_bytes{directory="%s"} %d\n' "$(label_value "$directory")" "$((${kilobytes:-0} * 1024))"
    done
    echo '# HELP custom_exporter_last_run_timestamp_seconds When these metrics were made.'
    echo '# TYPE custom_exporter_last_run_timestamp_seconds gauge'
    echo "custom_exporter_last_run_timestamp_seconds $(date +%s)"
}

answer() {
    carriage_return=$(printf '\r')
    IFS=' ' read -r method path _ || return 0
    # The whole request is read before the answer: who closes a connection with unread data resets it.
    while IFS= read -r header && [ -n "${header%"$carriage_return"}" ]; do :; done
    case "$method ${path%%\?*}" in
        'GET /metrics') status='200 OK' body=$(metrics "$@") ;;
        GET\ *) status='404 Not Found' body='the metrics are at /metrics' ;;
        *) status='405 Method Not Allowed' body='only GET' ;;
    esac
    # `wc -c` counts bytes; the one more is the newline behind the body
    length=$(($(printf '%s' "$body" | wc -c) + 1))
    printf 'HTTP/1.1 %s\r\nContent-Type: text/plain; version=0.0.4\r\n' "$status"
    printf 'Content-Length: %d\r\nConnection: close\r\n\r\n%s\n' "$length" "$body"
}

serve() {
    host=${1%:*}
    port=${1##*:}
    shift
    # The listeners start a command without arguments: they reach it through the environment, one a line.
    EXPORTER_DIRECTORIES=$(printf '%s\n' "$@")
    export EXPORTER_DIRECTORIES
    self=$(cd "$(dirname "$0")" && pwd)/$(basename "$0")
    if command -v socat >/dev/null; then
        exec socat "TCP-LISTEN:$port,bind=$host,reuseaddr,fork,max-children=8" "EXEC:'$self' answer"
    elif command -v systemd-socket-activate >/dev/null; then
        exec systemd-socket-activate --listen="$host:$port" --accept --inetd --setenv=EXPORTER_DIRECTORIES "$self" answer
    elif command -v perl >/dev/null; then
        exec perl -MIO::Socket::INET -e '
            my ($host, $port, @command) = @ARGV;
            my $listener = IO::Socket::INET->new(
                LocalAddr => $host, LocalPort => $port, Listen => 8, ReuseAddr => 1) or die "cannot listen: $@\n";
            $SIG{CHLD} = "IGNORE";
            while (1) {
                my $connection = $listener->accept or next;
                if (!fork) {
                    open STDIN, "<&", $connection or die; open STDOUT, ">&", $connection or die;
                    $SIG{CHLD} = "DEFAULT";
                    exec @command;
                }
                close $connection;
            }' "$host" "$port" "$self" answer
    fi
    echo 'install socat or perl: a shell cannot listen by itself' >&2
    exit 1
}

mode=${1:-help}
[ $# -eq 0 ] || shift
case $mode in
    serve)
        address=${1:-127.0.0.1:9150}
        [ $# -eq 0 ] || shift
        [ $# -gt 0 ] || set -- /tmp
        serve "$address" "$@"
        ;;
    answer | metrics)
        if [ $# -eq 0 ]; then
            newline='
'
            set -f
            IFS=$newline
            # shellcheck disable=SC2086 # one directory a line
            set -- ${EXPORTER_DIRECTORIES:-/tmp}
            unset IFS
        fi
        "$mode" "$@"
        ;;
    *)
        sed -n '2,9s/^# \{0,1\}//p' "$0"
        exit 2
        ;;
esac
