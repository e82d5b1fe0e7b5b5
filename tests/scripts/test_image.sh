#!/usr/bin/env bash
# What hack/image makes runs with nothing else around it, as the user and with the state directory it
# says, is what its digests say, and is the same every time.
# usage: test_image.sh BUILD_DIR
set -euo pipefail

here=$(cd "$(dirname "$0")/../.." && pwd -P)
build=$(cd "$1" && pwd -P)
scratch=$(mktemp -d)
pids=()
finish() {
        local rc=$?
        trap - EXIT
        for pid in "${pids[@]}"; do
                kill -KILL "$pid" 2>/dev/null || true
                wait "$pid" 2>/dev/null || true
        done
        [ $rc -eq 0 ] || tail -n 20 "$scratch"/*.log >&2 || true
        rm -rf "$scratch"
        exit $rc
}
trap finish EXIT
PATH=$PATH:/usr/sbin:/sbin

fail() {
        echo "test_image: $*" >&2
        exit 1
}

# In the image's files alone, as its user.
if [ "$(id -u)" -eq 0 ]; then
        inside=(chroot --userspec=65532:65532 "$scratch/root")
else
        inside=(unshare --map-root-user chroot "$scratch/root")
fi

# --- the same commit, the same bytes
SOURCE_DATE_EPOCH=$(git -C "$here" log -1 --format=%ct 2>/dev/null || echo 1700000000)
export SOURCE_DATE_EPOCH SOURCE_REVISION=0123456789abcdef
"$here/hack/image" --build "$build" --output "$scratch/one.tar"
"$here/hack/image" --build "$build" --output "$scratch/two.tar" >/dev/null
cmp "$scratch/one.tar" "$scratch/two.tar" || fail "made twice, it differs"

# --- the archive is what it says of itself; its layer becomes root/
mkdir "$scratch/root"
python3 - "$scratch" "$("$build/devicelink" --version)" <<'PYTHON'
import gzip, hashlib, io, json, os, sys, tarfile

scratch, version = sys.argv[1], sys.argv[2].split()[1]
tar = tarfile.open(scratch + "/one.tar")
read = lambda name: tar.extractfile(name).read()

def blob(descriptor):
    data = read("blobs/" + descriptor["digest"].replace(":", "/"))
    assert len(data) == descriptor["size"], descriptor
    assert "sha256:" + hashlib.sha256(data).hexdigest() == descriptor["digest"], descriptor
    return data

assert json.loads(read("oci-layout")) == {"imageLayoutVersion": "1.0.0"}
top = json.loads(read("index.json"))["manifests"][0]
assert top["annotations"]["io.containerd.image.name"] == "docker.io/library/devicelink:" + version, top
manifest = json.loads(blob(top))
config = json.loads(blob(manifest["config"]))
assert config["config"]["User"] == "65532:65532", config
assert config["config"]["Entrypoint"] == ["/usr/bin/devicelink"], config
layer = gzip.decompress(blob(manifest["layers"][0]))
assert config["rootfs"]["diff_ids"] == ["sha256:" + hashlib.sha256(layer).hexdigest()]
old = json.loads(read("manifest.json"))[0]
assert old["RepoTags"] == ["devicelink:" + version]
assert old["Layers"][0].endswith(manifest["layers"][0]["digest"][7:])

files = tarfile.open(fileobj=io.BytesIO(layer))
names = [m.name for m in files.getmembers()]
assert names == sorted(names) and len(set(names)) == len(names)
assert not [n for n in names if n.endswith(("/sh", "/bash", "busybox"))], "a shell"
assert not [m.name for m in files.getmembers() if m.mode & 0o6000], "set-user-id"
state = files.getmember("var/lib/devicelink")
assert (state.uid, state.mode) == (65532, 0o700)
licences = {n.split("/")[3] for n in names if n.startswith("usr/share/doc/") and n.endswith("/copyright")}
packages = {n.split("/")[4] for n in names if n.startswith("var/lib/dpkg/status.d/")}
assert "devicelink" in licences and packages <= licences, packages - licences
assert len(packages) > 8 and {"coreutils", "libc6", "libcurl4"} <= {p.removesuffix("t64") for p in packages}, packages
for m in files.getmembers():
    if os.geteuid() != 0:
        m.uid = m.gid = os.geteuid()
    files.extract(m, scratch + "/root", numeric_owner=True)
PYTHON

# --- it runs.  Not everybody may mount /proc and /dev, so likenesses have to do: of the program's own
# name, its descriptors (it reaches its state directory through one), some chance, and, for the
# sanitizers, that no leak check is possible.
mkdir -p "$scratch/root/proc/self/fd" "$scratch/root/dev" "$scratch/root/manifests"
head -c 65536 /dev/urandom >"$scratch/root/dev/urandom"
ln -s /usr/bin/devicelink "$scratch/root/proc/self/exe"
for i in {3..60}; do
        ln -s /var/lib/devicelink/agent "$scratch/root/proc/self/fd/$i"
done
printf 'ASAN_OPTIONS=detect_leaks=0\0' >"$scratch/root/proc/self/environ"
cp "$here"/tests/data/good/*.yaml "$scratch/root/manifests"
said=$("${inside[@]}" /usr/bin/devicelink --version)
[ "$said" = "$("$build/devicelink" --version)" ] || fail "--version says '$said'"
"${inside[@]}" /usr/bin/devicelink validate /manifests
cp "$here/tests/data/wrong/36-modbus-worker-is-text.yaml" "$scratch/root/wrong.yaml"
if "${inside[@]}" /usr/bin/devicelink validate /wrong.yaml >"$scratch/wrong.log" 2>&1; then
        fail "it finds nothing wrong"
fi
grep -q workerID "$scratch/wrong.log" || fail "it does not say what is wrong"

# --- an agent in it: state, adaptors and the web server's event loop are where it looks for them
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
mkdir "$scratch/root/links"
cp "$here/tests/data/good/dummy.yaml" "$scratch/root/links"
"${inside[@]}" /usr/bin/devicelink agent --manifests /links --state /var/lib/devicelink/agent \
        --metrics-addr "127.0.0.1:$port" >"$scratch/agent.log" 2>&1 &
pids+=($!)
for ((i = 0; i < 200; i++)); do
        ! curl -sf "http://127.0.0.1:$port/healthz" >/dev/null || break
        sleep 0.05
done
((i < 200)) || fail "the agent does not answer"
[ "$(stat -c %a "$scratch/root/var/lib/devicelink/agent")" = 700 ] || fail "the state is open to others"
"${inside[@]}" /usr/bin/devicelink get links --state /var/lib/devicelink/agent >"$scratch/get.log" 2>&1 ||
        fail "get: $(cat "$scratch/get.log")"
grep -q DummySpecialDevice "$scratch/get.log" || fail "get says '$(cat "$scratch/get.log")'"
kill -TERM "${pids[0]}"
wait "${pids[0]}" || fail "the agent ended with $?"
pids=()

# --- what the init container does with a directory that kubelet made
mkdir "$scratch/root/state"
if [ "$(id -u)" -eq 0 ]; then
        chroot "$scratch/root" /usr/bin/chown 65532:65532 /state
        [ "$(stat -c %u:%g "$scratch/root/state")" = 65532:65532 ] || fail "chown does nothing"
fi

# --- a shell where it is asked for
rm -rf "$scratch/root"
"$here/hack/image" --build "$build" --debug --tree "$scratch/root"
said=$("${inside[@]}" /usr/bin/sh -c 'echo a shell')
[ "$said" = 'a shell' ] || fail "the shell says '$said'"
