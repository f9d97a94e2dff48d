#!/bin/sh
# Makes a development certificate and its key: gateway.pem and gateway.key, beside this script.
# For production, use a certificate from a certificate authority instead.
set -eu

usage() {
    cat <<'END'
usage: certs/make-dev.sh [--force] [--days N] [NAME…]

Makes certs/gateway.pem and certs/gateway.key (mode 0600) for localhost, 127.0.0.1, ::1
and each NAME, which is a host name or an IP address.

  --force    overwrite an existing certificate and key
  --days N   how long the certificate is valid, 1 to 825 days (default 90)
  --help     this text
END
}

fail() {
    echo "make-dev.sh: $1" >&2
    exit 1
}

force=no
days=90
names='localhost 127.0.0.1 ::1'
while [ $# -gt 0 ]; do
    case $1 in
        --force) force=yes ;;
        --days)
            [ $# -ge 2 ] || fail '--days needs a number'
            days=$2
            shift
            ;;
        -h | --help)
            usage
            exit 0
            ;;
        -*) fail "unknown option $1; see --help" ;;
        # The name becomes part of a configuration file for openssl, so only characters of names are allowed.
        '' | *[!A-Za-z0-9.:*-]*) fail "'$1' is neither a host name nor an IP address" ;;
        *) names="$names $1" ;;
    esac
    shift
done
case $days in
    '' | *[!0-9]* | ????*) fail "--days needs a number from 1 to 825, not '$days'" ;;
esac
[ "$days" -ge 1 ] && [ "$days" -le 825 ] || fail "--days needs a number from 1 to 825, not '$days'"

command -v openssl >/dev/null 2>&1 || fail \
    'the openssl command is not installed. Install the package "openssl", or run "imsgate demo", which needs no file.'

dir=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
if [ "$force" = no ]; then
    for file in gateway.pem gateway.key; do
        [ ! -e "$dir/$file" ] || fail "$dir/$file exists already. Run again with --force to replace it."
    done
fi

# Others can never read the key. The old pair stays until the new one is complete.
umask 077
work=$(mktemp -d "$dir/.make-dev.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

{
    printf '[req]\nprompt = no\ndistinguished_name = subject\nx509_extensions = extensions\n'
    printf '[subject]\nO = imsgate development\nCN = localhost\n'
    printf '[extensions]\nbasicConstraints = critical, CA:FALSE\nkeyUsage = critical, digitalSignature\n'
    printf 'extendedKeyUsage = serverAuth\nsubjectKeyIdentifier = hash\nsubjectAltName = @names\n[names]\n'
    n=0
    set -f # a wildcard name is a name, not a file pattern
    for name in $names; do
        n=$((n + 1))
        case $name in
            *:*) kind=IP ;;
            *[!0-9.]*) kind=DNS ;;
            *) kind=IP ;;
        esac
        printf '%s.%s = %s\n' "$kind" "$n" "$name"
    done
} >"$work/openssl.cnf"

openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$work/gateway.key" 2>"$work/log" &&
    openssl req -x509 -new -sha256 -days "$days" -key "$work/gateway.key" -config "$work/openssl.cnf" \
        -out "$work/gateway.pem" 2>"$work/log" || {
    cat "$work/log" >&2
    fail 'openssl could not make the certificate; its message is above'
}

chmod 600 "$work/gateway.key"
chmod 644 "$work/gateway.pem"
mv -f "$work/gateway.key" "$dir/gateway.key"
mv -f "$work/gateway.pem" "$dir/gateway.pem"

echo "Certificate: $dir/gateway.pem (valid $days days)"
echo "Private key: $dir/gateway.key (mode 0600, ignored by git)"
echo "Names:       $names"
openssl x509 -in "$dir/gateway.pem" -noout -fingerprint -sha256
