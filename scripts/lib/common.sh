# Shared by scripts/setup, scripts/test and scripts/demo: where things are, and how to say what goes on.
# Sourced, never run. Changes to the root of the checkout.

cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
ROOT=$PWD
VENV=$ROOT/.venv
PYTHON=$VENV/bin/python
CACHE=$ROOT/.cache
export ROOT VENV PYTHON CACHE

# CI may run without a home; pip, the models' cache and Chromium all want one.
if [ -z "${HOME:-}" ] || [ ! -d "$HOME" ]; then
    HOME=$(getent passwd "$(id -u)" | cut -d: -f6)
    export HOME
fi
export PYTHONUNBUFFERED=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1
mkdir -p "$CACHE"

say() { printf '%s\n' "$*"; }

# die MESSAGE [HINT]
die() {
    printf 'ERROR: %s\n' "$1" >&2
    [ $# -lt 2 ] || printf '       %s\n' "$2" >&2
    exit 1
}

# Seconds with one decimal since the process started, by the monotonic clock of the kernel.
uptime_now() { cut -d' ' -f1 /proc/uptime; }
seconds_since() { awk -v now="$(uptime_now)" -v then="$1" 'BEGIN { printf "%.1f", now - then }'; }
