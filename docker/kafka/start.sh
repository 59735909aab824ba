#!/bin/sh
# Formats the storage at the first start, with a user for each password in the folder of secrets, then runs the broker.
# Usage: start.sh PROPERTIES...   where files are put together, the later ones winning.
set -eu
libs="${KAFKA_LIBS:-/opt/kafka/libs}" secrets="${KAFKA_SECRETS:-/secrets}" heap="${KAFKA_HEAP:-512m}"
run="${KAFKA_RUN:-/tmp}" java="${JAVA_HOME:+$JAVA_HOME/bin/}java"

cat "$@" > "$run/server.properties"
cat > "$run/log4j2.yaml" <<LOG4J
Configuration:
  Appenders: {Console: {name: out, PatternLayout: {pattern: "%d %p %c{1.} %m%n"}}}
  Loggers: {Root: {level: warn, AppenderRef: {ref: out}}, Logger: {name: kafka.server.KafkaRaftServer, level: info}}
LOG4J
flags="-XX:+UseSerialGC -Dlog4j2.configurationFile=$run/log4j2.yaml"

# Written last: storage with it is whole. Formatted once more it would be refused, for it has an id of its own.
formatted="$(sed -n 's/^log\.dirs=//p' "$run/server.properties" | tail -n 1)/meta.properties"
if [ ! -e "$formatted" ]; then
  set --
  for password in "$secrets"/*.password; do
    [ -e "$password" ] || continue
    user=$(basename "$password" .password)
    set -- "$@" --add-scram "SCRAM-SHA-512=[name=$user,password=$(cat "$password")]"
  done
  # shellcheck disable=SC2086 - several flags
  "$java" $flags -XX:TieredStopAtLevel=1 -cp "$libs/*" kafka.tools.StorageTool format --standalone --ignore-formatted \
    -t "$(head -c 16 /dev/urandom | base64 | tr '+/' 'AB' | cut -c1-22)" -c "$run/server.properties" "$@"
fi
# shellcheck disable=SC2086
exec "$java" $flags -Xms64m "-Xmx$heap" -cp "$libs/*" kafka.Kafka "$run/server.properties"
