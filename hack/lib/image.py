"""image.py - an OCI image from an install tree and the run-time libraries.  Run by hack/image."""

import argparse
import glob
import gzip
import hashlib
import io
import json
import os
import re
import subprocess
import sys
import tarfile

USER = 65532
STATE = "var/lib/devicelink"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm"}

TEXTS = {
    "etc/passwd": f"root:x:0:0:root:/:/sbin/nologin\ndevicelink:x:{USER}:{USER}:devicelink:/{STATE}:/sbin/nologin\n",
    "etc/group": f"root:x:0:\ndevicelink:x:{USER}:\n",
    "etc/nsswitch.conf": "hosts: files dns\n",
}
# As on every Debian: libraries and programs have one place and two names.
LINKS = {
    "bin": "usr/bin",
    "sbin": "usr/sbin",
    "lib": "usr/lib",
    "lib64": "usr/lib64",
    # What OpenSSL trusts unless told otherwise.
    "usr/lib/ssl/cert.pem": "/etc/ssl/certs/ca-certificates.crt",
}
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
# For the init container that hands the state directory to the agent.
CHOWN = "/usr/bin/chown"
# Loaded by name at run time, so that no program lists it.
LOADED = ["libwebsockets-evlib_uv.so"]
BUSYBOX = ["/usr/bin/busybox", "/bin/busybox"]


def fail(text):
    sys.exit(f"hack/image: {text}")


def run_anyhow(*words):
    return subprocess.run(words, capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"}).stdout


def run(*words):
    done = subprocess.run(words, capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"})
    return done.stdout if done.returncode == 0 else ""


class Tree:
    """The files of the image: where each comes from, by path without the first slash."""

    def __init__(self):
        self.files = {}  # path: (source file, mode)
        self.texts = dict(TEXTS)
        self.links = dict(LINKS)
        self.sources = set()  # files of packages

    def path(self, path):
        path = path.lstrip("/")
        first, _, rest = path.partition("/")
        return f"{self.links[first]}/{rest}" if first in self.links else path

    def add(self, path, source, mode=0o644):
        self.files[self.path(path)] = (source, mode)

    def add_installed(self, top):
        for folder, _, names in os.walk(top):
            for name in names:
                source = os.path.join(folder, name)
                program = os.access(source, os.X_OK) and not name.endswith(".so")
                self.add(os.path.relpath(source, top), source, 0o755 if program else 0o644)

    def add_needed(self):
        """What the dynamic linker would load for all that is there."""
        for source, _ in list(self.files.values()):
            for path in libraries(source):
                self.add(path, os.path.realpath(path), 0o755)
                self.sources.add(path)

    def add_package_file(self, path, mode=0o644):
        if not os.path.exists(path):
            fail(f"{path} is not on this machine")
        self.add(path, os.path.realpath(path), mode)
        self.sources.add(path)


def is_program(path):
    with open(path, "rb") as f:
        return f.read(4) == b"\x7fELF"


def libraries(path):
    if not is_program(path):
        return []
    said = run("ldd", path)
    missing = re.findall(r"^\s*(\S+) => not found", said, re.M)
    if missing:
        fail(f"{path} needs {', '.join(missing)}, which is not on this machine")
    return re.findall(r"^\s*(?:\S+ => )?(/\S+) \(0x", said, re.M)


def loaded(tree):
    """Plugins of libraries: beside the library that loads them."""
    folders = sorted({os.path.dirname(path) for path in tree.sources})
    for name in LOADED:
        found = [path for folder in folders for path in glob.glob(f"{folder}/{name}")]
        if not found:
            fail(f"{name} is not on this machine")
        yield found[0]


def packages_of(paths):
    """Packages know a file by one of its names only."""
    names = set(paths) | {os.path.realpath(path) for path in paths}
    names |= {re.sub(r"^/usr/", "/", name) for name in names}
    said = run_anyhow("dpkg-query", "-S", *sorted(names))
    return sorted(set(re.findall(r"^([a-z0-9][a-z0-9+.:-]*)(?:, [^ ]+)*: /", said, re.M)))


def add_packages(tree):
    """Licences, and the list that scanners of images read."""
    packages = packages_of(tree.sources)
    said = run("dpkg-query", "-s", *packages) if packages else ""
    for text in said.strip().split("\n\n"):
        found = re.search(r"^Package: (\S+)$", text, re.M)
        if not found:
            continue
        name = found[1]
        license_file = f"/usr/share/doc/{name}/copyright"
        if os.path.exists(license_file):
            tree.add(license_file, os.path.realpath(license_file))
        tree.texts[f"var/lib/dpkg/status.d/{name}"] = text.strip() + "\n"


def make_tree(options):
    tree = Tree()
    tree.add_installed(options.installed)
    tree.add_package_file(CHOWN, 0o755)
    tree.add_needed()
    for path in loaded(tree):
        tree.add_package_file(path)
    tree.add_needed()
    tree.add_package_file(CERTIFICATES)
    if options.debug:
        found = [path for path in BUSYBOX if os.path.exists(path) and not libraries(path)]
        if not found:
            fail("no static busybox on this machine: install the package busybox-static")
        tree.add_package_file(found[0])
        tree.add("/usr/bin/busybox", os.path.realpath(found[0]), 0o755)
        tree.links["usr/bin/sh"] = "busybox"
    if os.path.exists("/etc/os-release"):
        tree.add("/etc/os-release", os.path.realpath("/etc/os-release"))
    add_packages(tree)
    tree.add("/usr/share/doc/devicelink/copyright", options.license)
    return tree


# --- the layer


def folders_of(paths):
    found = {"tmp": (0o1777, 0), STATE: (0o700, USER)}
    for path in paths:
        while "/" in path:
            path = path.rsplit("/", 1)[0]
            found.setdefault(path, (0o755, 0))
    return found


def entries(tree):
    """(path, TarInfo, bytes), parents before children, the same every time."""
    everything = {}
    for path, (mode, owner) in folders_of([*tree.files, *tree.texts, *tree.links, STATE]).items():
        everything[path] = (tarfile.DIRTYPE, mode, owner, "", None)
    for path, target in tree.links.items():
        everything[path] = (tarfile.SYMTYPE, 0o777, 0, target, None)
    for path, text in tree.texts.items():
        everything[path] = (tarfile.REGTYPE, 0o644, 0, "", text.encode())
    for path, (source, mode) in tree.files.items():
        with open(source, "rb") as f:
            everything[path] = (tarfile.REGTYPE, mode, 0, "", f.read())
    for path in sorted(everything):
        kind, mode, owner, target, data = everything[path]
        info = tarfile.TarInfo(path)
        info.type, info.mode, info.linkname = kind, mode, target
        info.uid = info.gid = owner
        info.size = len(data or b"")
        yield info, data


def make_layer(tree, epoch):
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for info, data in entries(tree):
            info.mtime = epoch
            tar.addfile(info, io.BytesIO(data) if data is not None else None)
    return raw.getvalue()


def pack(data):
    packed = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", fileobj=packed, mtime=0, compresslevel=9) as f:
        f.write(data)
    return packed.getvalue()


# --- the archive


def as_json(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


class Archive:
    def __init__(self, epoch):
        self.epoch = epoch
        self.raw = io.BytesIO()
        self.tar = tarfile.open(fileobj=self.raw, mode="w", format=tarfile.GNU_FORMAT)
        self.folders = set()

    def put(self, path, data):
        folder = path.rpartition("/")[0]
        parts = folder.split("/") if folder else []
        for i in range(len(parts)):
            parent = "/".join(parts[: i + 1])
            if parent not in self.folders:
                self.folders.add(parent)
                info = tarfile.TarInfo(parent)
                info.type, info.mode, info.mtime = tarfile.DIRTYPE, 0o755, self.epoch
                self.tar.addfile(info)
        info = tarfile.TarInfo(path)
        info.size, info.mode, info.mtime = len(data), 0o644, self.epoch
        self.tar.addfile(info, io.BytesIO(data))

    def put_blob(self, kind, data):
        digest = hashlib.sha256(data).hexdigest()
        self.put(f"blobs/sha256/{digest}", data)
        return {"mediaType": f"application/vnd.oci.image.{kind}", "digest": f"sha256:{digest}", "size": len(data)}


def version_of(tree):
    source, _ = tree.files["usr/bin/devicelink"]
    said = run(source, "--version")
    if not said.startswith("devicelink "):
        fail("the program that was built does not tell its version")
    return said.split()[1]


def make_config(options, layer, version, architecture, created):
    return {
        "created": created,
        "architecture": architecture,
        "os": "linux",
        "config": {
            "User": f"{USER}:{USER}",
            "ExposedPorts": {"8080/tcp": {}},
            "Env": ["PATH=/usr/bin", f"STATE_DIRECTORY=/{STATE}"],
            "Entrypoint": ["/usr/bin/devicelink"],
            "WorkingDir": "/",
            "StopSignal": "SIGTERM",
            "Labels": {
                "org.opencontainers.image.title": "devicelink",
                "org.opencontainers.image.description": "Edge agent: field devices to Kubernetes and MQTT",
                "org.opencontainers.image.version": version,
                "org.opencontainers.image.revision": options.revision,
                "org.opencontainers.image.created": created,
            },
        },
        "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(layer).hexdigest()]},
        "history": [{"created": created, "created_by": "hack/image"}],
    }


def write_archive(options, tree, path, version, architecture):
    layer = make_layer(tree, options.epoch)
    created = run("date", "-u", "-d", f"@{options.epoch}", "+%Y-%m-%dT%H:%M:%SZ").strip()
    tag = version + ("-debug" if options.debug else "")
    archive = Archive(options.epoch)
    packed = archive.put_blob("layer.v1.tar+gzip", pack(layer))
    config = archive.put_blob(
        "config.v1+json", as_json(make_config(options, layer, version, architecture, created))
    )
    manifest = archive.put_blob(
        "manifest.v1+json",
        as_json(
            {
                "schemaVersion": 2,
                "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "config": config,
                "layers": [packed],
            }
        ),
    )
    manifest["platform"] = {"os": "linux", "architecture": architecture}
    manifest["annotations"] = {
        "org.opencontainers.image.ref.name": tag,
        "io.containerd.image.name": f"docker.io/library/devicelink:{tag}",
    }
    index = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [manifest]}
    # For engines that load their own format only: the same blobs once more by name.
    legacy = [
        {
            "Config": "blobs/sha256/" + config["digest"][7:],
            "RepoTags": [f"devicelink:{tag}"],
            "Layers": ["blobs/sha256/" + packed["digest"][7:]],
        }
    ]
    archive.put("index.json", as_json(index))
    archive.put("manifest.json", as_json(legacy))
    archive.put("oci-layout", as_json({"imageLayoutVersion": "1.0.0"}))
    archive.tar.close()
    with open(path, "wb") as f:
        f.write(archive.raw.getvalue())
    print(f"{path}: devicelink:{tag}, {architecture}, {os.path.getsize(path) / 1e6:.1f} MB packed, {len(layer) / 1e6:.1f} MB unpacked")


def write_tree(options, tree, top):
    if os.path.isdir(top) and os.listdir(top):
        fail(f"{top} is not empty")
    os.makedirs(top, exist_ok=True)
    for info, data in entries(tree):
        path = os.path.join(top, info.name)
        if info.type == tarfile.DIRTYPE:
            os.makedirs(path, exist_ok=True)
        elif info.type == tarfile.SYMTYPE:
            os.symlink(info.linkname, path)
            continue
        else:
            with open(path, "wb") as f:
                f.write(data)
        os.chmod(path, info.mode)
        if os.geteuid() == 0:
            os.chown(path, info.uid, info.gid)
        os.utime(path, (options.epoch, options.epoch))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--installed", required=True)
    parser.add_argument("--epoch", type=int, required=True)
    parser.add_argument("--revision", required=True)
    parser.add_argument("--license", required=True)
    parser.add_argument("--to", required=True)
    parser.add_argument("--output")
    parser.add_argument("--tree")
    parser.add_argument("--debug", action="store_true")
    options = parser.parse_args()
    machine = os.uname().machine
    if machine not in ARCHITECTURES:
        fail(f"no image for machines such as {machine}")
    tree = make_tree(options)
    if options.tree:
        write_tree(options, tree, options.tree)
        return
    version = version_of(tree)
    architecture = ARCHITECTURES[machine]
    name = f"devicelink-{version}-{architecture}{'-debug' if options.debug else ''}.tar"
    write_archive(options, tree, options.output or os.path.join(options.to, name), version, architecture)


main()
