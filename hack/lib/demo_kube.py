"""Show what kubectl shows of the demo's links and devices whenever that changes, and judge it.

Ends after --seconds (0: never) or when a program does.  Exit 0 when at the end every link named is
DeviceConnected and Healthy, and its device of the same name has a status that changed while this
watched and whose newest time is of this minute (of a value that does not change the time moves only
every --status-refresh).
"""
import argparse
import datetime
import json
import subprocess
import sys
import time

from demo_values import is_running

FRESH = datetime.timedelta(seconds=60)


class Cluster:
    def __init__(self, options):
        self.base = [options.kubectl, "--kubeconfig", options.kubeconfig, "-n", options.namespace,
                     "--cache-dir", options.kubeconfig + ".cache", "get"]

    def get(self, *words):
        said = subprocess.run(self.base + list(words), capture_output=True, text=True, timeout=30)
        return said.stdout if said.returncode == 0 else ""

    def items(self, kind):
        text = self.get(kind, "-o", "json")
        items = json.loads(text)["items"] if text else []
        return {item["metadata"]["name"]: item for item in items}


def without_age(table):
    return [line.rsplit(None, 1)[0] for line in table.splitlines() if line.strip()]


def phase(link):
    conditions = link.get("status", {}).get("conditions") or [{}]
    last = conditions[-1]
    return f"{last.get('type', '-')} {last.get('status', '-')} {last.get('reason', '-')}"


def times(status):
    for p in status.get("properties") or []:
        text = p.get("updatedAt")
        if text:
            yield datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


class Judge:
    def __init__(self, names):
        self.links = {name: None for name in names}
        self.devices = {name: None for name in names}
        self.statuses = {name: set() for name in names}

    def look(self, cluster):
        links = cluster.items("devicelinks")
        devices = {**cluster.items("modbusdevices"), **cluster.items("dummyspecialdevices")}
        for name in self.links:
            self.links[name] = links.get(name)
            self.devices[name] = devices.get(name)
            status = (devices.get(name) or {}).get("status")
            if status:
                self.statuses[name].add(json.dumps(status, sort_keys=True))

    def complaints(self):
        now = datetime.datetime.now(datetime.timezone.utc)
        for name, link in self.links.items():
            if not link or phase(link) != "DeviceConnected True Healthy":
                yield f"link {name}: {phase(link) if link else 'not there'}"
            elif not self.devices[name]:
                yield f"device {name}: not there"
            elif len(self.statuses[name]) < 2:
                yield f"device {name}: its status did not change"
            elif now - max(times(self.devices[name].get("status", {})), default=now) > FRESH:
                yield f"device {name}: its status is old"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--kubectl", required=True)
    parser.add_argument("--kubeconfig", required=True)
    parser.add_argument("--namespace", required=True)
    parser.add_argument("--program", type=int, action="append", default=[])
    parser.add_argument("--seconds", type=int, default=0)
    parser.add_argument("links", nargs="+")
    options = parser.parse_args()
    cluster = Cluster(options)
    judge = Judge(options.links)
    end = time.monotonic() + options.seconds if options.seconds else float("inf")
    shown = None
    while time.monotonic() < end and all(is_running(pid) for pid in options.program):
        table = cluster.get("devicelinks,modbusdevices,dummyspecialdevices")
        if without_age(table) != shown:
            shown = without_age(table)
            print(f"\n{table}", flush=True)
        judge.look(cluster)
        time.sleep(max(0, min(1, end - time.monotonic())))
    complaints = list(judge.complaints())
    for text in complaints:
        print(text, file=sys.stderr)
    if not all(is_running(pid) for pid in options.program):
        print("a program ended by itself", file=sys.stderr)
        return 1
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
