#!/usr/bin/env bash
# Makes the secrets that gateway.toml and compose.yaml name, in the folder `secrets` beside them or in FOLDER. Existing ones stay.
# Usage: packaging/container/secrets.sh [FOLDER]; REDIS is the address of Redis without password, by default redis:6379.
set -euo pipefail
folder=${1:-$(dirname "${BASH_SOURCE[0]}")/secrets}
umask 027
mkdir -p "$folder"
cd "$folder"
# make NAME COMMAND…: writes what the command prints, unless the file exists.
make() {
  local name=$1
  shift
  [[ -e $name ]] || { "$@" >"$name.new" && mv "$name.new" "$name"; }
}
# The secret of the simulators; for your own Campaign, write the one that Adobe issued.
make ims_client_secret echo demo-client-secret
make session.key openssl rand -base64 32
make redis.conf echo "requirepass $(openssl rand -hex 32)"
make redis_url echo "redis://:$(sed -n 's/^requirepass //p' redis.conf)@${REDIS:-redis:6379}"
[[ -e gateway.pem ]] || openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 90 -subj /CN=localhost \
  -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout gateway.key -out gateway.pem 2>/dev/null
# Only the user and the group of the image may read them.
if [[ $(id -u) == 0 ]]; then chown 65532:65532 . ./*; else echo "as root: chown -R 65532:65532 $folder" >&2; fi
chmod 0640 ./*
# Redis drops its privileges to a user of its own image.
chmod 0644 redis.conf
