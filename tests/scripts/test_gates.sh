#!/usr/bin/env bash
# The gates of hack/check reject what they are there for, and name file and line.
set -euo pipefail

here=$(cd "$(dirname "$0")/../.." && pwd -P)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failed=0

fresh() {
        rm -rf "$scratch/tree"
        mkdir -p "$scratch/tree/tests" "$scratch/tree/hack"
        cp -r "$here/agent" "$here/adaptors" "$scratch/tree/"
        : >"$scratch/tree/adaptors/modbus/planted.h"
}

# rejects GATE FILE LINE-OF-CODE: planted at the end of FILE, GATE names it
rejects() {
        local gate=$1 file=$2 code=$3 out line
        fresh
        mkdir -p "$scratch/tree/$(dirname "$file")"
        printf '%s\n' "$code" >>"$scratch/tree/$file"
        line=$(wc -l <"$scratch/tree/$file")
        if out=$("$here/hack/$gate" "$scratch/tree" 2>&1); then
                echo "FAIL $gate accepts '$code' in $file"
                failed=1
        elif [[ $out != *"$file:$line:"* ]]; then
                echo "FAIL $gate does not name $file:$line for '$code', but says: $out"
                failed=1
        fi
}

accepts() { # GATE FILE LINE-OF-CODE
        local gate=$1 file=$2 code=$3 out
        fresh
        printf '%s\n' "$code" >>"$scratch/tree/$file"
        if ! out=$("$here/hack/$gate" "$scratch/tree" 2>&1); then
                echo "FAIL $gate rejects '$code' in $file: $out"
                failed=1
        fi
}

rejects rooms agent/kube/planted.c '#include "link/links.h"'
rejects rooms agent/publish/planted.h '#include "kube/folder.h"'
rejects rooms agent/link/planted.c '#include "../kube/folder.h"'
rejects rooms agent/link/planted.c '  #  include <uv.h>'
rejects rooms agent/base/planted.c '#include "model/value.h"'
rejects rooms agent/model/planted.c '#include "loop/loop.h"'
rejects rooms adaptors/dummy/planted.c '#include "model/value.h"'
rejects rooms adaptors/dummy/planted.c '#include "modbus/planted.h"'
rejects rooms agent/kube/planted.c '#include HEADER'
accepts rooms agent/kube/planted.c '#include "model/spec.h"'
accepts rooms agent/planted.c '#include "kube/folder.h"'
accepts rooms adaptors/dummy/planted.c '#include "base/mem.h"'

rejects banned agent/kube/planted.c 'char *f(void) { return strdup("x"); }'
rejects banned adaptors/dummy/planted.c 'void f(char *s) { sprintf (s, "x"); }'
rejects banned agent/base/planted.h '/* strcpy() */ int x = atoi("1");'
accepts banned agent/kube/planted.c '/* strcpy(a, b) */ const char *s = "system(1)";'
accepts banned agent/kube/planted.c 'double d = strtod(s, 0); /* allowed: the planted one */'
accepts banned agent/base/mem.c 'void *f(void) { return malloc(1); }'

rejects words hack/planted 'cd /wor''k/here'
accepts words hack/planted 'cd /var/lib/devicelink'

fresh
echo 'size_t planted(void);' >"$scratch/tree/agent/model/planted.h"
if out=$("$here/hack/headers" "$scratch/tree" 2>&1); then
        echo "FAIL headers accepts a header that needs another one first"
        failed=1
elif [[ $out != *agent/model/planted.h* ]]; then
        echo "FAIL headers does not name agent/model/planted.h, but says: $out"
        failed=1
fi

exit $failed
