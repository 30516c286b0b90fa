#!/bin/sh
# Make the deployment's token known before a service starts, then become the service.
set -eu
if [ -n "${QUARTERDECK_TOKEN:-}" ] && [ "$1" != ui ]; then
    printf '%s\n' "$QUARTERDECK_TOKEN" | quarterdeck token create --name deployment --scope admin --token-stdin
fi
if [ -n "${QUARTERDECK_UI_ADMIN_PASSWORD:-}" ] && [ "$1" = ui ]; then
    printf '%s\n' "$QUARTERDECK_UI_ADMIN_PASSWORD" | quarterdeck user add admin --role operator --password-stdin
fi
exec quarterdeck "$@"
